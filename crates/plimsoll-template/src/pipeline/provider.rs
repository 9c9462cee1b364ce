//! The providers of actions: what each must be given, what it makes, and whether it can run here.

/// What an action does, as far as running it elsewhere than on AWS goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sources of a repository: a folder or a git repository stands for it.
    Repository,
    /// An object of a bucket: a file or a folder stands for it.
    Object,
    /// An image of a registry.
    Image,
    /// A build with a CodeBuild project.
    Build,
    /// Commands without a project.
    Commands,
    /// An image built from a Dockerfile and pushed.
    BuildImage,
    /// A scan of an image or of sources.
    Scan,
    /// A person says yes or no.
    Approval,
    /// An artifact copied into a bucket.
    CopyToBucket,
    /// What runs nowhere but on AWS or at a third party.
    Elsewhere,
}

/// A provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// `Source`, `Build`, `Test`, `Deploy`, `Approval`, `Invoke` or `Compute`.
    pub category: &'static str,
    /// `AWS`, `ThirdParty` or `Custom`.
    pub owner: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub role: Role,
    /// Fewest and most artifacts that go in.
    pub inputs: (usize, usize),
    /// Fewest and most artifacts that come out.
    pub outputs: (usize, usize),
    /// Whether only pipelines V2 have it.
    pub is_v2: bool,
    /// What its configuration must have.
    pub required: &'static [&'static str],
    /// The variables it sets; `*` for those that its user chooses.
    pub variables: &'static [&'static str],
}

const fn source(
    owner: &'static str,
    name: &'static str,
    role: Role,
    required: &'static [&'static str],
    variables: &'static [&'static str],
) -> ProviderInfo {
    let (inputs, outputs) = ((0, 0), (1, 1));
    ProviderInfo { category: "Source", owner, name, role, inputs, outputs, is_v2: false, required, variables }
}

const fn other(
    category: &'static str,
    owner: &'static str,
    name: &'static str,
    inputs: (usize, usize),
    outputs: (usize, usize),
) -> ProviderInfo {
    ProviderInfo {
        category,
        owner,
        name,
        role: Role::Elsewhere,
        inputs,
        outputs,
        is_v2: false,
        required: &[],
        variables: &["*"],
    }
}

const fn build(category: &'static str) -> ProviderInfo {
    ProviderInfo {
        role: Role::Build,
        required: &["ProjectName"],
        ..other(category, "AWS", "CodeBuild", (1, 5), (0, 5))
    }
}

/// The providers that are known.
///
/// Source: AWS CodePipeline User Guide, "Valid action providers in each action category", "Valid input and output
/// artifacts for each action type", "Action structure reference" (a page for each), "Variables reference".
pub const PROVIDERS: &[ProviderInfo] = &[
    source(
        "AWS",
        "CodeCommit",
        Role::Repository,
        &["BranchName", "RepositoryName"],
        &["AuthorDate", "BranchName", "CommitId", "CommitMessage", "CommitterDate", "RepositoryName"],
    ),
    source(
        "AWS",
        "CodeStarSourceConnection",
        Role::Repository,
        &["BranchName", "ConnectionArn", "FullRepositoryId"],
        // Pull requests set more of them.
        &["*"],
    ),
    source(
        "ThirdParty",
        "GitHub",
        Role::Repository,
        &["Branch", "OAuthToken", "Owner", "Repo"],
        &[
            "AuthorDate",
            "BranchName",
            "CommitId",
            "CommitMessage",
            "CommitUrl",
            "CommitterDate",
            "RepositoryName",
        ],
    ),
    source(
        "AWS",
        "S3",
        Role::Object,
        &["S3Bucket", "S3ObjectKey"],
        &["BucketName", "ETag", "ObjectKey", "VersionId"],
    ),
    source(
        "AWS",
        "ECR",
        Role::Image,
        &["RepositoryName"],
        &["ImageDigest", "ImageTag", "ImageURI", "RegistryId", "RepositoryName"],
    ),
    build("Build"),
    build("Test"),
    ProviderInfo {
        role: Role::BuildImage,
        is_v2: true,
        required: &["ECRRepositoryName"],
        variables: &["ECRImageDigestId", "ECRRepositoryName"],
        ..other("Build", "AWS", "ECRBuildAndPublish", (1, 1), (0, 0))
    },
    other("Build", "Custom", "CloudBees", (0, 5), (0, 5)),
    other("Build", "Custom", "Jenkins", (0, 5), (0, 5)),
    other("Build", "Custom", "TeamCity", (0, 5), (0, 5)),
    other("Test", "AWS", "DeviceFarm", (1, 1), (0, 0)),
    other("Test", "Custom", "BlazeMeter", (0, 5), (0, 5)),
    other("Test", "Custom", "Jenkins", (0, 5), (0, 5)),
    other("Test", "ThirdParty", "GhostInspector", (0, 5), (0, 5)),
    other("Test", "ThirdParty", "Nouvola", (0, 5), (0, 5)),
    other("Test", "ThirdParty", "Runscope", (0, 5), (0, 5)),
    other("Test", "ThirdParty", "StormRunnerLoad", (0, 5), (0, 5)),
    ProviderInfo {
        role: Role::CopyToBucket,
        required: &["BucketName", "Extract"],
        ..other("Deploy", "AWS", "S3", (1, 1), (0, 0))
    },
    other("Deploy", "AWS", "AppConfig", (1, 1), (0, 0)),
    other("Deploy", "AWS", "CloudFormation", (0, 10), (0, 1)),
    other("Deploy", "AWS", "CloudFormationStackInstances", (0, 10), (0, 1)),
    other("Deploy", "AWS", "CloudFormationStackSet", (0, 10), (0, 1)),
    other("Deploy", "AWS", "CodeDeploy", (1, 1), (0, 0)),
    other("Deploy", "AWS", "CodeDeployToECS", (1, 5), (0, 0)),
    other("Deploy", "AWS", "EC2", (1, 1), (0, 0)),
    other("Deploy", "AWS", "ECS", (1, 1), (0, 0)),
    other("Deploy", "AWS", "EKS", (1, 1), (0, 0)),
    other("Deploy", "AWS", "ElasticBeanstalk", (1, 1), (0, 0)),
    other("Deploy", "AWS", "Lambda", (1, 1), (0, 0)),
    other("Deploy", "AWS", "OpsWorks", (1, 1), (0, 0)),
    other("Deploy", "AWS", "ServiceCatalog", (1, 1), (0, 0)),
    other("Deploy", "ThirdParty", "AlexaSkillsKit", (1, 2), (0, 0)),
    other("Deploy", "Custom", "XebiaLabs", (0, 5), (0, 5)),
    ProviderInfo { role: Role::Approval, ..other("Approval", "AWS", "Manual", (0, 0), (0, 0)) },
    ProviderInfo {
        role: Role::Commands,
        is_v2: true,
        ..other("Compute", "AWS", "Commands", (1, 10), (0, 1))
    },
    ProviderInfo {
        role: Role::Scan,
        is_v2: true,
        required: &["InspectorRunMode"],
        variables: &["HighestScannedSeverity"],
        ..other("Invoke", "AWS", "InspectorScan", (0, 1), (0, 1))
    },
    other("Invoke", "AWS", "CodePipeline", (0, 0), (0, 0)),
    other("Invoke", "AWS", "Lambda", (0, 5), (0, 5)),
    other("Invoke", "AWS", "StepFunctions", (0, 1), (0, 1)),
    other("Invoke", "ThirdParty", "Snyk", (1, 1), (0, 1)),
    // What a team has made for itself, under any name.
    other("Build", "Custom", "*", (0, 5), (0, 5)),
    other("Test", "Custom", "*", (0, 5), (0, 5)),
    other("Deploy", "Custom", "*", (0, 5), (0, 5)),
    other("Invoke", "Custom", "*", (0, 5), (0, 5)),
    other("Approval", "Custom", "*", (0, 5), (0, 5)),
    other("Source", "Custom", "*", (0, 0), (1, 5)),
];

/// The provider of an action.
pub(super) fn provider(category: &str, owner: &str, name: &str) -> Option<&'static ProviderInfo> {
    let fits = |info: &&ProviderInfo| info.category == category && info.owner == owner;
    let named = PROVIDERS.iter().filter(fits).find(|info| info.name == name);
    named.or_else(|| PROVIDERS.iter().filter(fits).find(|info| info.name == "*"))
}

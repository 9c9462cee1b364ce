//! What `Ref` and `Fn::GetAtt` give of a resource that does not exist: plausible texts, marked as local.

use super::inputs::Inputs;

/// What is known of a type of resource.
///
/// In the texts `{name}` is its name, `{account}`, `{region}`, `{partition}` and `{suffix}` are the stack's, `{id}` is made
/// up of the logical ID (16 hexadecimal digits), and `{.Property|other}` is a property, or what stands behind the bar.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The property that names it; without one, AWS makes a name up, and so do we.
    pub(super) name_property: Option<&'static str>,
    /// Whether names have small letters only.
    pub(super) is_lower: bool,
    /// What `Ref` gives.
    pub(super) reference: &'static str,
    /// What `Fn::GetAtt` gives.
    pub(super) attributes: &'static [(&'static str, &'static str)],
}

/// The types of resources whose attributes are known, with the names of these.
pub fn known_types() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    KINDS.iter().map(|kind| (kind.name, kind.attributes.iter().map(|(name, _)| *name).collect()))
}

pub(super) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

const fn named(
    name: &'static str,
    name_property: &'static str,
    attributes: &'static [(&'static str, &'static str)],
) -> Kind {
    Kind { name, name_property: Some(name_property), is_lower: false, reference: "{name}", attributes }
}

const fn referred(
    name: &'static str,
    name_property: &'static str,
    reference: &'static str,
    attributes: &'static [(&'static str, &'static str)],
) -> Kind {
    Kind { name, name_property: Some(name_property), is_lower: false, reference, attributes }
}

/// Source: AWS CloudFormation User Guide, "Return values" of each type.
const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::ECR::Repository",
        name_property: Some("RepositoryName"),
        is_lower: true,
        reference: "{name}",
        attributes: &[
            ("Arn", "arn:{partition}:ecr:{region}:{account}:repository/{name}"),
            ("RepositoryUri", "{account}.dkr.ecr.{region}.{suffix}/{name}"),
        ],
    },
    Kind {
        name: "AWS::ECR::PublicRepository",
        name_property: Some("RepositoryName"),
        is_lower: true,
        reference: "{name}",
        attributes: &[("Arn", "arn:{partition}:ecr-public::{account}:repository/{name}")],
    },
    Kind {
        name: "AWS::S3::Bucket",
        name_property: Some("BucketName"),
        is_lower: true,
        reference: "{name}",
        attributes: &[
            ("Arn", "arn:{partition}:s3:::{name}"),
            ("DomainName", "{name}.s3.{suffix}"),
            ("RegionalDomainName", "{name}.s3.{region}.{suffix}"),
            ("DualStackDomainName", "{name}.s3.dualstack.{region}.{suffix}"),
            ("WebsiteURL", "http://{name}.s3-website-{region}.{suffix}"),
        ],
    },
    named("AWS::S3::BucketPolicy", "Bucket", &[]),
    named(
        "AWS::CodeBuild::Project",
        "Name",
        &[("Arn", "arn:{partition}:codebuild:{region}:{account}:project/{name}")],
    ),
    referred(
        "AWS::CodeBuild::ReportGroup",
        "Name",
        "arn:{partition}:codebuild:{region}:{account}:report-group/{name}",
        &[("Arn", "arn:{partition}:codebuild:{region}:{account}:report-group/{name}")],
    ),
    named("AWS::CodePipeline::Pipeline", "Name", &[("Version", "1")]),
    named("AWS::CodePipeline::Webhook", "Name", &[("Url", "https://{region}.webhooks.{suffix}/trigger")]),
    referred(
        "AWS::CodeCommit::Repository",
        "RepositoryName",
        "00000000-0000-0000-{id}",
        &[
            ("Arn", "arn:{partition}:codecommit:{region}:{account}:{name}"),
            ("Name", "{name}"),
            ("CloneUrlHttp", "https://git-codecommit.{region}.{suffix}/v1/repos/{name}"),
            ("CloneUrlSsh", "ssh://git-codecommit.{region}.{suffix}/v1/repos/{name}"),
        ],
    ),
    named("AWS::CodeDeploy::Application", "ApplicationName", &[]),
    named("AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName", &[]),
    named("AWS::CodeDeploy::DeploymentConfig", "DeploymentConfigName", &[]),
    referred(
        "AWS::CodeStarConnections::Connection",
        "ConnectionName",
        "arn:{partition}:codestar-connections:{region}:{account}:connection/{id}",
        &[
            ("ConnectionArn", "arn:{partition}:codestar-connections:{region}:{account}:connection/{id}"),
            ("ConnectionStatus", "AVAILABLE"),
        ],
    ),
    referred(
        "AWS::CodeConnections::Connection",
        "ConnectionName",
        "arn:{partition}:codeconnections:{region}:{account}:connection/{id}",
        &[
            ("ConnectionArn", "arn:{partition}:codeconnections:{region}:{account}:connection/{id}"),
            ("ConnectionStatus", "AVAILABLE"),
        ],
    ),
    referred(
        "AWS::CodeStarNotifications::NotificationRule",
        "Name",
        "arn:{partition}:codestar-notifications:{region}:{account}:notificationrule/{id}",
        &[("Arn", "arn:{partition}:codestar-notifications:{region}:{account}:notificationrule/{id}")],
    ),
    named(
        "AWS::IAM::Role",
        "RoleName",
        &[("Arn", "arn:{partition}:iam::{account}:role{.Path|/}{name}"), ("RoleId", "AROA{id}")],
    ),
    named("AWS::IAM::Policy", "PolicyName", &[]),
    referred(
        "AWS::IAM::ManagedPolicy",
        "ManagedPolicyName",
        "arn:{partition}:iam::{account}:policy{.Path|/}{name}",
        &[("PolicyArn", "arn:{partition}:iam::{account}:policy{.Path|/}{name}")],
    ),
    named(
        "AWS::IAM::InstanceProfile",
        "InstanceProfileName",
        &[("Arn", "arn:{partition}:iam::{account}:instance-profile{.Path|/}{name}")],
    ),
    named("AWS::IAM::User", "UserName", &[("Arn", "arn:{partition}:iam::{account}:user{.Path|/}{name}")]),
    Kind {
        name: "AWS::KMS::Key",
        name_property: None,
        is_lower: false,
        reference: "00000000-0000-0000-{id}",
        attributes: &[
            ("Arn", "arn:{partition}:kms:{region}:{account}:key/00000000-0000-0000-{id}"),
            ("KeyId", "00000000-0000-0000-{id}"),
        ],
    },
    named("AWS::KMS::Alias", "AliasName", &[]),
    referred(
        "AWS::SNS::Topic",
        "TopicName",
        "arn:{partition}:sns:{region}:{account}:{name}",
        &[("TopicArn", "arn:{partition}:sns:{region}:{account}:{name}"), ("TopicName", "{name}")],
    ),
    referred(
        "AWS::SQS::Queue",
        "QueueName",
        "https://sqs.{region}.{suffix}/{account}/{name}",
        &[
            ("Arn", "arn:{partition}:sqs:{region}:{account}:{name}"),
            ("QueueName", "{name}"),
            ("QueueUrl", "https://sqs.{region}.{suffix}/{account}/{name}"),
        ],
    ),
    named(
        "AWS::Lambda::Function",
        "FunctionName",
        &[("Arn", "arn:{partition}:lambda:{region}:{account}:function:{name}")],
    ),
    named(
        "AWS::Logs::LogGroup",
        "LogGroupName",
        &[("Arn", "arn:{partition}:logs:{region}:{account}:log-group:{name}:*")],
    ),
    named(
        "AWS::ECS::Cluster",
        "ClusterName",
        &[("Arn", "arn:{partition}:ecs:{region}:{account}:cluster/{name}")],
    ),
    referred(
        "AWS::ECS::Service",
        "ServiceName",
        "arn:{partition}:ecs:{region}:{account}:service/{name}",
        &[("Name", "{name}"), ("ServiceArn", "arn:{partition}:ecs:{region}:{account}:service/{name}")],
    ),
    referred(
        "AWS::ECS::TaskDefinition",
        "Family",
        "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1",
        &[("TaskDefinitionArn", "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1")],
    ),
    named(
        "AWS::EKS::Cluster",
        "Name",
        &[
            ("Arn", "arn:{partition}:eks:{region}:{account}:cluster/{name}"),
            ("Endpoint", "https://{id}.{region}.eks.{suffix}"),
        ],
    ),
    referred(
        "AWS::SecretsManager::Secret",
        "Name",
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-000000",
        &[("Id", "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-000000")],
    ),
    named("AWS::SSM::Parameter", "Name", &[("Type", "{.Type|String}"), ("Value", "{.Value|}")]),
    named("AWS::Events::Rule", "Name", &[("Arn", "arn:{partition}:events:{region}:{account}:rule/{name}")]),
    named(
        "AWS::DynamoDB::Table",
        "TableName",
        &[("Arn", "arn:{partition}:dynamodb:{region}:{account}:table/{name}")],
    ),
    referred(
        "AWS::StepFunctions::StateMachine",
        "StateMachineName",
        "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
        &[("Arn", "arn:{partition}:states:{region}:{account}:stateMachine:{name}"), ("Name", "{name}")],
    ),
    Kind {
        name: "AWS::EC2::VPC",
        name_property: None,
        is_lower: false,
        reference: "vpc-{id}",
        attributes: &[("VpcId", "vpc-{id}"), ("CidrBlock", "{.CidrBlock|10.0.0.0/16}")],
    },
    Kind {
        name: "AWS::EC2::Subnet",
        name_property: None,
        is_lower: false,
        reference: "subnet-{id}",
        attributes: &[("SubnetId", "subnet-{id}"), ("AvailabilityZone", "{.AvailabilityZone|{region}a}")],
    },
    Kind {
        name: "AWS::EC2::SecurityGroup",
        name_property: None,
        is_lower: false,
        reference: "sg-{id}",
        attributes: &[("GroupId", "sg-{id}"), ("VpcId", "{.VpcId|vpc-0}")],
    },
    named("AWS::Cognito::UserPool", "UserPoolName", &[]),
    named("AWS::CloudFront::Distribution", "Name", &[("DomainName", "{id}.cloudfront.net")]),
    Kind {
        name: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        name_property: Some("Name"),
        is_lower: false,
        reference: "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{id}",
        attributes: &[("DNSName", "{name}-{id}.{region}.elb.{suffix}"), ("LoadBalancerName", "{name}")],
    },
];

/// Puts values into a text of the table. `property` gives a property's text.
pub(super) fn filled(
    text: &str,
    inputs: &Inputs,
    name: &str,
    logical_id: &str,
    mut property: impl FnMut(&str) -> Option<String>,
) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest.find('}') else { break };
        let inside = &rest[1..end];
        rest = &rest[end + 1..];
        match inside {
            "name" => filled.push_str(name),
            "account" => filled.push_str(inputs.account()),
            "region" => filled.push_str(&inputs.region),
            "partition" => filled.push_str(inputs.partition()),
            "suffix" => filled.push_str(inputs.url_suffix()),
            "id" => filled.push_str(&identifier(logical_id)),
            _ => {
                let (key, mut other) = inside.trim_start_matches('.').split_once('|').unwrap_or((inside, ""));
                // `{.AvailabilityZone|{region}a}`: the inner brace ends first.
                let is_zone = other == "{region";
                if is_zone {
                    rest = rest.strip_prefix("a}").unwrap_or(rest);
                    other = "";
                }
                match property(key) {
                    Some(value) => filled.push_str(&value),
                    None if is_zone => filled.extend([inputs.region.as_str(), "a"]),
                    None => filled.push_str(other),
                }
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// 16 hexadecimal digits of a logical ID (FNV-1a), the same in each run.
fn identifier(logical_id: &str) -> String {
    let hash = logical_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

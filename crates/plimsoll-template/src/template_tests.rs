use std::fmt::Write as _;

use super::*;
use crate::document::Limits;

/// A template whose only resource is a bucket; `outputs` are the entries of `Outputs`, one a line, `Name: value`.
fn with_outputs(sections: &str, outputs: &str) -> String {
    let outputs: Vec<String> = outputs
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| format!("  {name}:\n    Value: {value}\n"))
        .collect();
    let resources =
        if sections.contains("Resources:") { "" } else { "Resources:\n  Bucket: {Type: AWS::S3::Bucket}\n" };
    format!("{sections}\n{resources}Outputs:\n{}", outputs.concat())
}

fn inputs() -> Inputs {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Inputs {
        exports: pairs(&[("net-vpc", "vpc-1")]),
        ssm: pairs(&[("/image", "alpine:3.20")]),
        account_id: Some("123456789012".to_owned()),
        region: "eu-west-1".to_owned(),
        stack_name: "Shop".to_owned(),
        ..Inputs::default()
    }
}

fn resolved(text: &str, inputs: Inputs) -> Result<Vec<(String, Resolved)>, TemplateError> {
    Template::read("t.yml", text, &Limits::default())?.resolve(inputs)?.outputs()
}

/// Each output is what stands behind `=>`.
fn check(sections: &str, cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (value, expected) = case.rsplit_once(" => ").unwrap();
        let text = with_outputs(sections, &format!("Out: {value}"));
        let found = match resolved(&text, inputs()) {
            Ok(outputs) => format!("{:?}", outputs[0].1),
            Err(error) => format!("error: {}: {}", error.path, error.reason),
        };
        assert_eq!(found, expected, "{value}");
    }
}

fn refused(text: &str, expected: &str) {
    let error = resolved(text, inputs()).expect_err(text);
    assert_eq!(error.to_string(), expected, "{text}");
}

#[test]
fn functions_are_applied_in_both_forms() {
    let sections = "\
Transform: AWS::LanguageExtensions
Parameters:
  Name: {Type: String, Default: shop}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
  Count: {Type: Number, Default: 3}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}
Mappings:
  M: {eu-west-1: {Size: small}, other: {Size: [x, y]}}
Conditions:
  Yes: !Equals [!Ref Name, shop]
  No: !Not [!Condition Yes]";
    check(
        sections,
        r#"
        !Ref Name => Text("shop")
        {Ref: Count} => Number("3")
        !Ref Image => Text("alpine:3.20")
        !Ref List => List([Text("a"), Text("b"), Text("c")])
        !Ref AWS::AccountId => Text("123456789012")
        !Ref AWS::Partition => Text("aws")
        !Ref AWS::URLSuffix => Text("amazonaws.com")
        !Sub "${Name}-${AWS::Region}-${!Literal}-$x" => Text("shop-eu-west-1-${Literal}-$x")
        {"Fn::Sub": ["${A}/${Name}", {A: {"Fn::Select": [1, {Ref: List}]}}]} => Text("b/shop")
        !Join ["-", [!Ref Name, x, 1, true]] => Text("shop-x-1-true")
        !Join [",", !Ref List] => Text("a,b,c")
        !Join ["", [a, !Ref AWS::NoValue, b]] => Text("ab")
        !Select [0, !Split [".", a.b]] => Text("a")
        !Split ["|", "a||b"] => List([Text("a"), Text(""), Text("b")])
        !If [Yes, !Ref Name, !Ref Unused] => error: Outputs/Out/Value: expected a parameter or a resource, found `Unused`
        !If [No, {a: 1}, {b: !Ref AWS::NoValue, c: 2}] => Map([("c", Number("2"))])
        !FindInMap [M, !Ref AWS::Region, Size] => Text("small")
        !FindInMap [M, other, Size] => List([Text("x"), Text("y")])
        !FindInMap [M, none, Size, {DefaultValue: !Ref Name}] => Text("shop")
        !ImportValue net-vpc => Text("vpc-1")
        {"Fn::ImportValue": !Sub "net-vpc"} => Text("vpc-1")
        !Base64 hello => Text("aGVsbG8=")
        !Select [1, !Cidr [10.0.0.0/16, 2, 8]] => Text("10.0.1.0/24")
        !ImportValue {"Fn::Sub": "net-${Vpc}"} => error: Outputs/Out/Value: expected a parameter or a resource, found `Vpc`
        !Length [1, 2] => Number("2")
        !ToJsonString {a: [1, "x\ty", null], b: !Ref Name} => Text("{\"a\":[1,\"x\\ty\",null],\"b\":\"shop\"}")
        !Join [",", !GetAZs ""] => Local { text: "eu-west-1a,eu-west-1b,eu-west-1c", of: ["zones of eu-west-1"] }
        "{{resolve:ssm:/image:1}}!" => Text("alpine:3.20!")
        "{{resolve:secretsmanager:db:SecretString:password}}" => Local { text: "{{resolve:secretsmanager:db:SecretString:password}}", of: ["{{resolve:secretsmanager:db:SecretString:password}}"] }
        "#,
    );
}

#[test]
fn what_is_made_up_is_marked() {
    let sections = "\
Resources:
  Repository: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
  Bucket: {Type: AWS::S3::Bucket}
  Role: {Type: AWS::IAM::Role, Properties: {Path: /ci/}}
  Code: {Type: AWS::CodeCommit::Repository, Properties: {RepositoryName: !Ref Repository}}
  Setting: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub 'v-${AWS::Region}'}}
  Subnet: {Type: AWS::EC2::Subnet}
  Nested: {Type: AWS::CloudFormation::Stack}
  Own: {Type: Custom::Thing}";
    check(
        sections,
        r#"
        !Ref Repository => Text("shop/web")
        !GetAtt Repository.RepositoryUri => Local { text: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web", of: ["Repository.RepositoryUri"] }
        !GetAtt [Repository, Arn] => Local { text: "arn:aws:ecr:eu-west-1:123456789012:repository/shop/web", of: ["Repository.Arn"] }
        !Sub "${Bucket}/x" => Local { text: "shop-bucket/x", of: ["Bucket"] }
        !GetAtt Role.Arn => Local { text: "arn:aws:iam::123456789012:role/ci/Shop-Role", of: ["Role.Arn"] }
        !GetAtt Code.Name => Local { text: "shop/web", of: ["Code.Name"] }
        !GetAtt Setting.Value => Local { text: "v-eu-west-1", of: ["Setting.Value"] }
        !GetAtt Subnet.AvailabilityZone => Local { text: "eu-west-1a", of: ["Subnet.AvailabilityZone"] }
        !GetAtt Bucket.Url => error: Outputs/Out/Fn::GetAtt: expected an attribute of `AWS::S3::Bucket` that is known here, found `Url`
        !GetAtt Own.Url => error: Outputs/Out/Fn::GetAtt: expected an attribute that is known here, found `Url` of `Own`, type `Custom::Thing`
        !GetAtt Nested.Outputs.Url => error: Outputs/Out/Fn::GetAtt: expected an attribute that is known here, found `Outputs.Url` of `Nested`, the nested stack
        !Ref Own => error: Outputs/Out/Ref: expected a resource whose reference is known here, found `Own` of type `Custom::Thing`
        "#,
    );
    assert!(known_types().count() > 30);
}

#[test]
fn functions_applied_wrongly_are_refused() {
    check(
        "",
        r#"
        !Foo x => error: Outputs/Out/Fn::Foo: expected a function, found `Fn::Foo`
        !Join [a] => error: Outputs/Out/Fn::Join: expected 2 values for `Fn::Join`, found 1
        !Join ["", a] => error: Outputs/Out/Fn::Join: expected a list, found a text
        !Join ["", [[a]]] => error: Outputs/Out/Fn::Join: expected a text, found a list
        !Select [2, [a, b]] => error: Outputs/Out/Fn::Select: expected an index below 2, found 2
        !Select [x, [a, b]] => error: Outputs/Out/Fn::Select: expected a whole number, found `x`
        !Split ["", a] => error: Outputs/Out/Fn::Split: expected a delimiter for `Fn::Split`, found an empty text
        !Sub "${HOME:-x}" => error: Outputs/Out/Fn::Sub: expected a name of letters, digits, `_`, `.` and `:` in `${…}`, found `HOME:-x`
        !FindInMap [M, a, b] => error: Outputs/Out/Fn::FindInMap: expected a mapping, found `M`
        !ImportValue none => error: Outputs/Out/Fn::ImportValue: expected a value for the export `none`, found none given
        !Length [a] => error: Outputs/Out/Fn::Length: expected `Transform: AWS::LanguageExtensions` in the template for `Fn::Length`
        {"Fn::Transform": {Name: AWS::Include}} => error: Outputs/Out/Fn::Transform: expected no `Fn::Transform`, since macros run on AWS
        {"Fn::Sub": a, "Fn::Join": b} => error: Outputs/Out: expected `Fn::Sub` to stand alone in its map
        {"Fn::ForEach::X": [a, [b], {}]} => error: Outputs/Out/Fn::ForEach::X: expected values that are written out, found `Fn::ForEach`
        !GetAtt Bucket => error: Outputs/Out/Fn::GetAtt: expected `Resource.Attribute` for `Fn::GetAtt`, found `Bucket`
        !Ref Bukket => error: Outputs/Out/Value: expected a parameter or a resource, found `Bukket`
        !Cidr [10.0.0.0/24, 2, 9] => error: Outputs/Out/Fn::Cidr: expected subnets of 9 bits to fit into the block
        "#,
    );
}

#[test]
fn conditions_decide_what_is_created() {
    let text = "\
Parameters: {Env: {Type: String, Default: prod}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsEurope: {\"Fn::Or\": [{\"Fn::Equals\": [{Ref: 'AWS::Region'}, eu-west-1]}, {\"Fn::Equals\": [a, b]}]}
  Both: !And [!Condition IsProd, {Condition: IsEurope}]
  None: !Not [!Condition Both]
Resources:
  A: {Type: AWS::S3::Bucket, Condition: Both}
  B: {Type: AWS::S3::Bucket, Condition: None}
  C: {Type: AWS::S3::Bucket, Properties: {BucketName: !If [None, !Ref B, x]}}
  D: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref B}}
";
    let stack = Template::read("t.yml", text, &Limits::default()).unwrap().resolve(inputs()).unwrap();
    let created: Vec<&str> = stack.resources().map(|resource| resource.name.as_str()).collect();
    assert_eq!(created, ["A", "C", "D"]);
    assert_eq!(stack.properties("C").unwrap().get("BucketName").unwrap().text(), Some("x"));
    assert_eq!(
        stack.properties("D").unwrap_err().to_string(),
        "cannot use template `t.yml`: line 11, column 55: `Resources/D/Properties/BucketName/Ref`: expected a \
         resource that is created, found `B`, whose condition `None` does not hold"
    );
    for (condition, expected) in [
        ("!And [!Equals [a, a]]", "expected 2 to 10 conditions for `Fn::And`, found 1"),
        ("!Equals [a]", "expected two values for `Fn::Equals`, found a list"),
        ("yes", "expected `Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` or `Condition`, found a text"),
        ("!Sub a", "expected `Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` or `Condition`, found `Fn::Sub`"),
        ("!Condition Q", "expected a condition, found `Q`"),
    ] {
        let text = with_outputs(&format!("Conditions:\n  X: {condition}"), "");
        assert_eq!(resolved(&text, inputs()).unwrap_err().reason, expected);
    }
}

#[test]
fn circles_are_told_whole() {
    refused(
        "Resources:\n  A: {Type: AWS::S3::Bucket, DependsOn: B}\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: \
         !Sub '${C}'}}\n  C: {Type: AWS::S3::Bucket, Properties: {BucketName: !GetAtt A.Arn}}\n",
        "cannot use template `t.yml`: line 2, column 3: `Resources`: expected resources without a circle, found `A` → \
         `B` → `C` → `A`",
    );
    refused(
        "Conditions:\n  X: !Not [!Condition Y]\n  Y: !Not [!Condition X]\nResources:\n  A: {Type: AWS::S3::Bucket}\n",
        "cannot use template `t.yml`: line 2, column 6: `Conditions`: expected conditions without a circle, found `X` → \
         `Y` → `X`",
    );
}

#[test]
fn sections_and_resources_are_checked() {
    for (text, expected) in [
        ("[]", "line 1, column 1: expected a map of sections, found a list"),
        ("", "line 1, column 1: expected a map of sections, found nothing"),
        ("a:\n\tb: 1", "line 2, column 1: expected spaces as indentation, found a tab"),
        ("Resource: {}", "line 1, column 1: expected a section, found `Resource`"),
        ("Resources: {}", "line 1, column 12: `Resources`: expected a resource, found none"),
        ("Resources: {A: {}}", "line 1, column 13: `Resources/A`: expected a `Type`, found none"),
        (
            "Resources: {A: {Type: X, BucketName: y}}",
            "line 1, column 26: `Resources/A`: expected an attribute of a resource, found `BucketName`",
        ),
        (
            "Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: X}}",
            "line 1, column 12: `Transform`: expected no transform but `AWS::LanguageExtensions`, since macros run on \
             AWS; found `AWS::Serverless-2016-10-31`",
        ),
        (
            "Resources: {A: {Type: X}, 'Fn::ForEach::B': [x, [y], {}]}",
            "line 1, column 27: `Resources/Fn::ForEach::B`: expected resources that are written out, found \
             `Fn::ForEach::B`",
        ),
        (
            "Resources: {A: {Type: X, DependsOn: B}}",
            "line 1, column 37: `Resources/A/DependsOn`: expected a resource, found `B`",
        ),
    ] {
        refused(text, &format!("cannot use template `t.yml`: {expected}"));
    }
}

#[test]
fn parameters_are_held_to_their_declaration() {
    let one = |declared: &str, given: Option<&str>| {
        let text = with_outputs(&format!("Parameters:\n  P: {declared}"), "Out: !Ref P");
        let mut inputs = inputs();
        inputs.parameters.extend(given.map(|given| ("P".to_owned(), given.to_owned())));
        match resolved(&text, inputs) {
            Ok(outputs) => format!("{:?}", outputs[0].1),
            Err(error) => error.reason,
        }
    };
    for (declared, given, expected) in [
        (
            "{Type: String}",
            None,
            "expected a value for parameter `P`: no value is given, and there is no default",
        ),
        ("{Type: String}", Some(""), "Text(\"\")"),
        ("{Type: Strin}", Some(""), "expected a type of parameters, found `Strin`"),
        ("{Type: Number}", Some("x"), "expected a number, found `x`"),
        ("{Type: Number, MaxValue: 5}", Some("6"), "expected a number of at most 5, found `6`"),
        ("{Type: List<Number>, MinValue: 2}", Some("3, 1"), "expected a number of at least 2, found `3, 1`"),
        ("{Type: String, AllowedValues: [a, b]}", Some("c"), "expected `a` or `b`, found `c`"),
        (
            "{Type: String, AllowedPattern: '[a-z]+'}",
            Some("ab1"),
            "expected a value of the pattern `[a-z]+`, found `ab1`",
        ),
        ("{Type: String, AllowedPattern: '(?!x).*'}", Some("x"), "Text(\"x\")"),
        ("{Type: String, MinLength: 3}", Some("ab"), "expected a value of at least 3 characters, found `ab`"),
        ("{Type: String, NoEcho: true}", Some("hidden"), "[redacted]"),
        (
            "{Type: String, NoEcho: true, MaxLength: 2}",
            Some("hidden"),
            "expected a value of at most 2 characters, found `[redacted]`",
        ),
        (
            "{Type: 'AWS::SSM::Parameter::Value<List<String>>'}",
            Some("/image"),
            "List([Text(\"alpine:3.20\")])",
        ),
        (
            "{Type: 'AWS::SSM::Parameter::Value<String>'}",
            Some("/none"),
            "expected a value for parameter `P`: the value of `/none` in Systems Manager is not given",
        ),
        (
            "{Type: String, Defalt: x}",
            None,
            "expected `AllowedPattern`, `AllowedValues`, `ConstraintDescription`, `Default`, `Description`, `MaxLength`, `MaxValue`, `MinLength`, `MinValue`, `NoEcho` or `Type`, found `Defalt`",
        ),
    ] {
        assert_eq!(one(declared, given), expected, "{declared}");
    }
    let mut unknown = inputs();
    unknown.parameters.insert("Nmae".to_owned(), String::new());
    let error = resolved(&with_outputs("Parameters:\n  Name: {Type: String}", ""), unknown).unwrap_err();
    assert_eq!(error.reason, "expected a value for a declared parameter, found one for `Nmae`");
    assert_eq!(error.hint.as_deref(), Some("`Name` was meant"));
}

#[test]
fn what_nobody_gave_may_stand_for_itself() {
    let text = with_outputs("Parameters:\n  P: {Type: String}", "Out: !Sub '${P}/x'\nIn: !ImportValue e");
    let outputs = resolved(&text, Inputs { allow_missing: true, ..inputs() }).unwrap();
    assert_eq!(outputs[0].1.text(), Some("P/x"));
    assert_eq!(outputs[0].1.local(), ["P"]);
    assert_eq!(outputs[1].1.local(), ["e"]);
    let outputs =
        resolved(&with_outputs("", "Out: !Sub '${AWS::AccountId}.dkr'"), Inputs::default()).unwrap();
    assert_eq!(outputs[0].1.text(), Some("000000000000.dkr"));
    assert_eq!(outputs[0].1.local(), ["AWS::AccountId"]);
}

#[test]
fn a_secret_stays_one_in_what_is_made_of_it() {
    let sections = "Parameters:\n  P: {Type: String, NoEcho: true, Default: hidden}";
    check(
        sections,
        r#"
        !Sub "x${P}" => [redacted]
        !Join ["", [a, !Ref P]] => [redacted]
        !Base64 {Ref: P} => [redacted]
        !Select [0, !Split ["d", !Ref P]] => [redacted]
        "#,
    );
}

#[test]
fn what_grows_by_itself_is_stopped() {
    // Each bucket's name is twice the next one's.
    let mut text = "Resources:\n".to_owned();
    for number in 0..60 {
        let next = number + 1;
        writeln!(text, "  B{number}: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub '${{B{next}}}${{B{next}}}'}}}}").unwrap();
    }
    text += "  B60: {Type: AWS::S3::Bucket, Properties: {BucketName: x}}\nOutputs: {Out: {Value: !Ref B0}}\n";
    let error = resolved(&text, inputs()).unwrap_err();
    assert!(error.reason.contains("found more"), "{error}");
}

#[test]
fn a_template_in_json_is_the_same() {
    let text = "{\"Parameters\": {\"P\": {\"Type\": \"String\", \"Default\": \"a\"}},\n \"Resources\": {\"B\": {\"Type\": \
                \"AWS::S3::Bucket\", \"Properties\": {\"BucketName\": {\"Fn::Sub\": \"${P}-${Q}\"}}}}}";
    refused(
        text,
        "cannot use template `t.yml`: line 2, column 90: `Resources/B/Properties/BucketName`: expected a parameter or a \
         resource, found `Q`",
    );
}

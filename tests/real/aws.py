"""Fills and looks at somebody else's AWS, with boto3. The server and the keys are those of the environment.

aws.py fill                    makes parameters, secrets, repositories with images and a user; prints what they are called
aws.py stack NAME FILE JSON    makes a stack of a template with these parameters; prints its outputs and resources
aws.py policies                prints the policies of all roles, as JSON
"""

import ast
import json
import sys

import boto3


def digest_of(ecr, repository, tag, number):
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": number + 2,
                   "digest": "sha256:" + f"{number:064x}"},
        "layers": [],
    }
    put = ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest),
                        imageManifestMediaType=manifest["mediaType"])
    return put["image"]["imageId"]["imageDigest"]


def fill():
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/shop/password", Type="SecureString", Value="hunter1")
    ssm.put_parameter(Name="/shop/password", Type="SecureString", Value="hunter2", Overwrite=True)
    ssm.label_parameter_version(Name="/shop/password", ParameterVersion=1, Labels=["former"])
    for number in range(12):
        ssm.put_parameter(Name=f"/many/{number:02}", Type="String", Value=f"value {number}")
    manager = boto3.client("secretsmanager")
    made = manager.create_secret(Name="registry", SecretString=json.dumps({"token": "former", "host": "registry.example"}))
    manager.put_secret_value(SecretId="registry", SecretString=json.dumps({"token": "s3same", "host": "registry.example"}))
    manager.create_secret(Name="plain", SecretString="open sesame")
    ecr = boto3.client("ecr")
    for name in ["team/app", "team/base", "empty"]:
        ecr.create_repository(repositoryName=name)
    digests = {tag: digest_of(ecr, "team/app", tag, number) for number, tag in enumerate(["1.0", "1.1"])}
    digest_of(ecr, "team/app", "latest", 1)
    iam = boto3.client("iam")
    iam.create_user(UserName="pipeline")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="pipeline", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="pipeline")["AccessKey"]
    print(json.dumps({
        "id": key["AccessKeyId"],
        "secret": key["SecretAccessKey"],
        "registry": ecr.describe_repositories()["repositories"][0]["registryId"],
        "parameterArn": ssm.get_parameter(Name="/shop/password")["Parameter"]["ARN"],
        "secretArn": made["ARN"],
        "secretVersion": made["VersionId"],
        "digests": digests,
    }))


def stack(name, file, parameters):
    formation = boto3.client("cloudformation")
    with open(file) as text:
        formation.create_stack(
            StackName=name,
            TemplateBody=text.read(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in json.loads(parameters).items()],
            Capabilities=["CAPABILITY_IAM"],
        )
    made = formation.describe_stacks(StackName=name)["Stacks"][0]
    resources = formation.describe_stack_resources(StackName=name)["StackResources"]
    print(json.dumps({
        "status": made["StackStatus"],
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])},
        # What the server does not know has no name there.
        "made": sorted(item["LogicalResourceId"] for item in resources if "LogicalResourceId" in item),
    }))


def document(policy):
    """The server gives some of its policies as Python would print them."""
    return ast.literal_eval(policy) if isinstance(policy, str) else policy


def policies():
    iam = boto3.client("iam")
    found = {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [document(iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"])
                     for one in inline]
        found[name] = [role["AssumeRolePolicyDocument"], *documents]
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        found[policy["PolicyName"]] = [document(version["PolicyVersion"]["Document"])]
    print(json.dumps(found))


def main():
    action, *rest = sys.argv[1:]
    {"fill": fill, "stack": stack, "policies": policies}[action](*rest)


main()

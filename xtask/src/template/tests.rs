use super::*;

const TEMPLATE: &str = r"
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Access
        Authorizers:
          Access:
            FunctionArn: !GetAtt Guard.Arn
            EnableSimpleResponses: true
            Identity: { Headers: [Authorization], Context: [routeKey], ReauthorizeEvery: 300 }
  Guard:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: guard } }
    Properties: { CodeUri: . }
  Books:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: books-api } }
    Properties:
      CodeUri: .
      Policies: [{ Statement: [{ Effect: Allow, Action: [sns:Publish, dynamodb:GetItem], Resource: !Ref Topic }] }]
      Events:
        List: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: /books, Method: GET } }
        Health: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: /health, Method: get, Auth: { Authorizer: NONE } } }
";

/// The template on disk beside a folder that holds both binaries.
fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for binary in ["guard", "books-api"] {
        crate::shell::create(&folder.path().join(binary).join("bootstrap")).unwrap();
    }
    let path = folder.path().join("template.yaml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn functions_come_from_where_they_were_built() {
    let (folder, path) = written(TEMPLATE);
    let template = packaged(&path, folder.path()).unwrap();
    assert_eq!(
        template["Resources"]["Books"]["Properties"]["CodeUri"],
        folder.path().join("books-api").to_string_lossy().as_ref()
    );
    assert_eq!(template["Resources"].as_object().unwrap().len(), 3);
}

#[test]
fn a_function_without_its_binary_is_refused() {
    let (folder, path) = written(&TEMPLATE.replace("Binary: guard", "Binary: gard"));
    let error = packaged(&path, folder.path()).unwrap_err().to_string();
    assert_eq!(error, "Guard: there is no binary `gard` among the functions");
}

#[test]
fn events_become_routes_with_their_authorizer() {
    let (folder, path) = written(TEMPLATE);
    let template = local(&path, folder.path()).unwrap();
    let resources = &template["Resources"];
    let list = &resources["BooksListLocalRoute"]["Properties"];
    assert_eq!(list["RouteKey"], "GET /books");
    assert_eq!(list["AuthorizationType"], "CUSTOM");
    assert_eq!(list["AuthorizerId"]["Ref"], "ApiAccessLocalAuthorizer");
    assert_eq!(list["Target"]["Fn::Sub"], "integrations/${BooksLocalIntegration}");
    let health = &resources["BooksHealthLocalRoute"]["Properties"];
    assert_eq!(health["RouteKey"], "GET /health");
    assert_eq!(health["AuthorizationType"], "NONE");
    assert_eq!(resources["Books"]["Properties"]["Events"], json!({}), "or there would be a permission for each, too");
    assert_eq!(resources["BooksLocalPermission"]["Properties"]["FunctionName"]["Ref"], "Books");
    let authorizer = &resources["ApiAccessLocalAuthorizer"]["Properties"];
    assert_eq!(authorizer["IdentitySource"], json!(["$request.header.Authorization", "$context.routeKey"]));
    assert_eq!(authorizer["AuthorizerResultTtlInSeconds"], 300);
    assert!(authorizer["AuthorizerUri"]["Fn::Sub"].as_str().unwrap().contains("${Guard.Arn}"));
}

#[test]
fn who_may_send_may_send_in_batches() {
    let (folder, path) = written(TEMPLATE);
    let actions =
        |template: Value| template["Resources"]["Books"]["Properties"]["Policies"][0]["Statement"][0]["Action"].clone();
    assert_eq!(
        actions(local(&path, folder.path()).unwrap()),
        json!(["sns:Publish", "dynamodb:GetItem", "sns:PublishBatch"])
    );
    assert_eq!(actions(packaged(&path, folder.path()).unwrap()), json!(["sns:Publish", "dynamodb:GetItem"]));
}

#[test]
fn a_route_is_never_left_without_the_authorizer_it_names() {
    let (folder, path) = written(&TEMPLATE.replace("DefaultAuthorizer: Access", "DefaultAuthorizer: Acess"));
    let error = format!("{:#}", local(&path, folder.path()).unwrap_err());
    assert_eq!(error, "the event List of Books is no route: Api has no authorizer Acess");
}

#[test]
fn short_forms_become_long_forms() {
    let yaml = serde_yaml_ng::from_str("[!Sub 'a-${B}', !If [C, !Ref D, !Ref AWS::NoValue], !GetAtt E.F.G]").unwrap();
    assert_eq!(
        plain(yaml).unwrap(),
        json!([
            { "Fn::Sub": "a-${B}" },
            { "Fn::If": ["C", { "Ref": "D" }, { "Ref": "AWS::NoValue" }] },
            { "Fn::GetAtt": ["E", "F.G"] }
        ])
    );
}

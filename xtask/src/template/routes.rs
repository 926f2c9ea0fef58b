//! The `ApiGatewayV2` resources that a template's `HttpApi` events amount to, in their place: SAM would make a permission of
//! each event besides, and with the routes that is more than the 500 resources a stack may have.
//!
//! Only what this project's templates use is understood: Lambda authorizers with simple responses, identified by
//! headers and context. Anything else is refused by name rather than deployed without its authorizer.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

/// Puts authorizers, integrations, permissions and routes of all HTTP APIs in the place of their events.
pub(super) fn put(resources: &mut Map<String, Value>) -> anyhow::Result<()> {
    let made = of(resources)?;
    for (_, resource) in resources.iter_mut().filter(|(_, resource)| resource["Type"] == FUNCTION) {
        if let Some(events) = resource["Properties"]["Events"].as_object_mut() {
            events.retain(|_, event| event["Type"] != HTTP_API_EVENT);
        }
    }
    resources.extend(made);
    Ok(())
}

const FUNCTION: &str = "AWS::Serverless::Function";
const HTTP_API_EVENT: &str = "HttpApi";

fn of(resources: &Map<String, Value>) -> anyhow::Result<Map<String, Value>> {
    let mut added = Map::new();
    for (api, resource) in of_type(resources, "AWS::Serverless::HttpApi") {
        for (name, authorizer) in object(&resource["Properties"]["Auth"]["Authorizers"]) {
            let made = lambda_authorizer(api, name, authorizer)
                .with_context(|| format!("the authorizer {name} of {api} is of no known kind"))?;
            added.insert(authorizer_id(api, name), made);
        }
    }
    for (function, resource) in of_type(resources, FUNCTION) {
        for (event, definition) in object(&resource["Properties"]["Events"]) {
            if definition["Type"] == HTTP_API_EVENT {
                let properties = &definition["Properties"];
                let (api, made) = route(resources, function, properties)
                    .with_context(|| format!("the event {event} of {function} is no route"))?;
                added.insert(format!("{function}{event}LocalRoute"), made);
                added.insert(integration_id(function), integration(api, function));
                added.insert(format!("{function}LocalPermission"), permission(function));
            }
        }
    }
    Ok(added)
}

fn of_type<'a>(resources: &'a Map<String, Value>, kind: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    resources.iter().filter(move |(_, resource)| resource["Type"] == kind)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn authorizer_id(api: &str, name: &str) -> String {
    format!("{api}{name}LocalAuthorizer")
}

fn integration_id(function: &str) -> String {
    format!("{function}LocalIntegration")
}

/// The URI by which API Gateway invokes a function.
fn invocation(function: &str) -> Value {
    let path = format!("lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations");
    json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:{path}") })
}

fn lambda_authorizer(api: &str, name: &str, authorizer: &Value) -> anyhow::Result<Value> {
    let function = authorizer["FunctionArn"]["Fn::GetAtt"][0].as_str().context("it is no function of this template")?;
    ensure!(authorizer["EnableSimpleResponses"] == true, "it has no simple responses");
    let headers = authorizer["Identity"]["Headers"].as_array().context("it identifies nobody by a header")?;
    let context = authorizer["Identity"]["Context"].as_array().map(Vec::as_slice).unwrap_or_default();
    let headers = headers.iter().map(|header| Some(format!("$request.header.{}", header.as_str()?)));
    let context = context.iter().map(|name| Some(format!("$context.{}", name.as_str()?)));
    let sources: Option<Vec<String>> = headers.chain(context).collect();
    Ok(json!({
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": { "Ref": api },
            "Name": name,
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": invocation(function),
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": true,
            "AuthorizerResultTtlInSeconds": authorizer["Identity"]["ReauthorizeEvery"],
            "IdentitySource": sources.context("a name of its identity is no text")?,
        }
    }))
}

fn integration(api: &str, function: &str) -> Value {
    json!({
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": { "Ref": api },
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": invocation(function),
            "PayloadFormatVersion": "2.0",
        }
    })
}

/// For the API's authorizer and its routes alike.
fn permission(function: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": { "Ref": function },
            "Principal": "apigateway.amazonaws.com",
        }
    })
}

/// The API a route belongs to, and the route.
fn route<'a>(resources: &Map<String, Value>, function: &str, event: &'a Value) -> anyhow::Result<(&'a str, Value)> {
    let api = event["ApiId"]["Ref"].as_str().context("its ApiId is no Ref")?;
    let method = event["Method"].as_str().context("it has no Method")?.to_uppercase();
    let path = event["Path"].as_str().context("its Path is no text")?;
    let auth = resources.get(api).map(|api| &api["Properties"]["Auth"]).with_context(|| format!("no API {api}"))?;
    let authorizer = event["Auth"]["Authorizer"].as_str().or(auth["DefaultAuthorizer"].as_str());
    let mut properties = json!({
        "ApiId": { "Ref": api },
        "RouteKey": format!("{method} {path}"),
        "Target": { "Fn::Sub": format!("integrations/${{{}}}", integration_id(function)) },
        "AuthorizationType": "NONE",
    });
    if let Some(name) = authorizer.filter(|name| *name != "NONE") {
        if auth["Authorizers"][name].is_null() {
            bail!("{api} has no authorizer {name}");
        }
        properties["AuthorizationType"] = "CUSTOM".into();
        properties["AuthorizerId"] = json!({ "Ref": authorizer_id(api, name) });
    }
    Ok((api, json!({ "Type": "AWS::ApiGatewayV2::Route", "Properties": properties })))
}

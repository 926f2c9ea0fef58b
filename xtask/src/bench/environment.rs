//! What each function's environment holds, from the templates that deploy it: so a setting that is added there is here
//! too. Names of resources become names the embedded cloud knows.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_yaml_ng::{Mapping, Value};

use super::cloud::Place;
use crate::project::Project;

const TEMPLATES: [&str; 2] = ["template.yaml", "functions/warehouse/template.yaml"];
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
/// As long as Lambda's: every call signs and sends it.
const SESSION_TOKEN_BYTES: usize = 800;

/// What the templates declare that a function can be told of.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) topics: Vec<String>,
    pub(super) queues: Vec<String>,
    /// By binary, unresolved.
    functions: BTreeMap<String, Mapping>,
    /// What a logical id or a parameter stands for.
    names: BTreeMap<String, String>,
}

impl Resources {
    /// Reads every template there is.
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for name in TEMPLATES {
            let path = project.path(name);
            if path.is_file() {
                let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
                let template: Value = serde_yaml_ng::from_str(&text).with_context(|| format!("{name} is not YAML"))?;
                all.take(&template);
            }
        }
        Ok(all)
    }

    fn take(&mut self, template: &Value) {
        for (name, parameter) in entries(&template["Parameters"]) {
            let value = parameter["Default"].as_str().map_or_else(|| stand_in(name), str::to_owned);
            self.names.entry(name.to_owned()).or_insert(value);
        }
        let shared = &template["Globals"]["Function"]["Environment"]["Variables"];
        for (id, resource) in entries(&template["Resources"]) {
            let fifo = if resource["Properties"]["FifoQueue"].as_bool() == Some(true) { ".fifo" } else { "" };
            let name = match resource["Type"].as_str().unwrap_or_default() {
                "AWS::SNS::Topic" => {
                    self.topics.push(format!("{id}.fifo"));
                    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{id}.fifo")
                }
                "AWS::SQS::Queue" => {
                    self.queues.push(format!("{id}{fifo}"));
                    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{id}{fifo}")
                }
                "AWS::SecretsManager::Secret" => secret(id),
                "AWS::Serverless::Function" => {
                    let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or_default();
                    let own = &resource["Properties"]["Environment"]["Variables"];
                    let mut variables = shared.as_mapping().cloned().unwrap_or_default();
                    variables.extend(own.as_mapping().cloned().unwrap_or_default());
                    // What both templates deploy is measured as the store has it.
                    self.functions.entry(binary.to_owned()).or_insert(variables);
                    continue;
                }
                _ => id.to_owned(),
            };
            self.names.insert(id.to_owned(), name);
        }
    }

    /// The environment Lambda would give a function, with AWS at `endpoint`.
    pub(super) fn of(&self, binary: &str, place: &Place, endpoint: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for (name, value) in self.functions.get(binary).into_iter().flatten() {
            if let Some(name) = name.as_str() {
                variables.insert(name.to_owned(), self.resolve(value));
            }
        }
        let token = "t".repeat(SESSION_TOKEN_BYTES);
        let set = [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", &token),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_LAMBDA_FUNCTION_NAME", binary),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("STAGE", "production"),
            ("TABLE_NAME", &place.table),
            ("TENANT", &place.tenant),
            ("TRACE_SAMPLE_PERCENT", "10"),
        ];
        variables.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if variables.contains_key("PAYMENT_BASE_URL") {
            variables.insert("PAYMENT_BASE_URL".to_owned(), place.payments.clone());
        }
        variables
    }

    /// The text an intrinsic function comes to.
    fn resolve(&self, value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Tagged(tagged) => {
                let text = tagged.value.as_str().unwrap_or_default();
                match tagged.tag.to_string().trim_start_matches('!') {
                    "Ref" | "GetAtt" => self.name(text),
                    "Sub" => self.substitute(text),
                    // As in production, which every condition is named for.
                    "If" => self.resolve(&tagged.value[1]),
                    _ => String::new(),
                }
            }
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => String::new(),
        }
    }

    /// What `Resource` or `Resource.Attribute` stands for.
    fn name(&self, path: &str) -> String {
        let id = path.split('.').next().unwrap_or(path);
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (path, rest) = part.split_once('}').unwrap_or((part, ""));
            result.push_str(&self.name(path));
            result.push_str(rest);
        }
        result
    }
}

/// What a parameter stands for that has no default, by what it is called.
fn stand_in(parameter: &str) -> String {
    if parameter.ends_with("SecretArn") {
        secret(parameter)
    } else if parameter.ends_with("Url") {
        "http://127.0.0.1/store".to_owned()
    } else {
        parameter.to_lowercase()
    }
}

fn secret(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}")
}

fn entries(mapping: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = mapping.as_mapping().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.as_str()?, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Tenant: { Type: String, Default: acme.production }
Globals:
  Function: { Environment: { Variables: { TENANT: !Ref Tenant, TABLE_NAME: !Ref Table } } }
Resources:
  Table: { Type: 'AWS::DynamoDB::Table' }
  Key: { Type: 'AWS::SecretsManager::Secret' }
  Late: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } }
  Orders:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: orders-api } }
    Properties:
      Environment:
        Variables:
          KEY_ARN: !GetAtt Key.Id
          QUEUE: !Ref Late
          SECRETS: !Sub '{\"a\":\"${Key.Id}\"}'
          PERCENT: !If [IsProduction, '10', '100']
";

    #[test]
    fn a_function_gets_what_its_template_says_with_names_the_cloud_knows() {
        let mut resources = Resources::default();
        resources.take(&serde_yaml_ng::from_str(TEMPLATE).unwrap());
        let place = Place {
            http: String::new(),
            https: String::new(),
            authority: String::new(),
            payments: String::new(),
            table: "crossdock".to_owned(),
            tenant: "acme.test".to_owned(),
            books: Vec::new(),
            last: None,
            orders: Vec::new(),
            keys: Vec::new(),
            tokens: Vec::new(),
        };
        let environment = resources.of("orders-api", &place, "http://localhost");
        let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:Key";
        assert_eq!(environment["KEY_ARN"], secret);
        assert_eq!(environment["SECRETS"], format!("{{\"a\":\"{secret}\"}}"));
        assert_eq!(environment["QUEUE"], "https://sqs.us-east-1.amazonaws.com/000000000000/Late.fifo");
        assert_eq!((environment["PERCENT"].as_str(), environment["TENANT"].as_str()), ("10", "acme.test"));
        assert_eq!(environment["AWS_ENDPOINT_URL"], "http://localhost");
        assert_eq!(resources.queues, ["Late.fifo"]);
    }
}

//! A stub of Lambda's Runtime API for one function: hands out events when told to, keeps the answers.
//!
//! Source: AWS Lambda Developer Guide, "Using the Lambda runtime API". It never times an invocation out: under an
//! instrumenting processor everything takes fifty times as long.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kernel::{Clock as _, SystemClock};
use serde_json::Value;

/// What an invocation is told it has left.
const DEADLINE: Duration = Duration::from_secs(600);
/// Longest answer Lambda takes.
const MAX_BYTES: usize = 6 << 20;
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";

/// The stub, for as long as it lives.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pending: VecDeque<Vec<u8>>,
    answers: Vec<Value>,
    /// Whether the function waits for an event.
    idle: bool,
    /// When it first did.
    ready: Option<Instant>,
    /// What it said went wrong, in start-up or in an invocation.
    failure: Option<String>,
    /// Numbers invocations.
    served: u64,
    closed: bool,
}

impl RuntimeApi {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for the Runtime API")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if inside.state().closed {
                    break;
                }
                let shared = Arc::clone(&inside);
                // A connection ends when the function does.
                thread::spawn(move || drop(shared.converse(stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until the function asks for its first event; when it did.
    pub(super) fn ready(&self, alive: impl FnMut() -> bool, limit: Duration) -> anyhow::Result<Instant> {
        let state = self.wait(alive, limit, |state| state.idle)?;
        state.ready.context("the function waits but never asked")
    }

    /// Has the function handle these events one after the other; its answers, in order. Returns when it waits again.
    pub(super) fn serve(
        &self,
        events: impl IntoIterator<Item = Value>,
        alive: impl FnMut() -> bool,
        limit: Duration,
    ) -> anyhow::Result<Vec<Value>> {
        {
            let mut state = self.shared.state();
            state.pending.extend(events.into_iter().map(|event| event.to_string().into_bytes()));
            self.shared.changed.notify_all();
        }
        let mut state = self.wait(alive, limit, |state| state.idle && state.pending.is_empty())?;
        Ok(std::mem::take(&mut state.answers))
    }

    fn wait(
        &self,
        mut alive: impl FnMut() -> bool,
        limit: Duration,
        there: impl Fn(&State) -> bool,
    ) -> anyhow::Result<MutexGuard<'_, State>> {
        let start = Instant::now();
        let mut state = self.shared.state();
        loop {
            if let Some(failure) = state.failure.take() {
                bail!("{failure}");
            }
            if there(&state) {
                return Ok(state);
            }
            if !alive() {
                bail!("it ended by itself");
            }
            if start.elapsed() > limit {
                bail!("no answer within {} s", limit.as_secs());
            }
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        // Wakes the listener, which sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection until the other side closes it.
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((line, body)) = read(&mut reader)? {
            let path = line.split(' ').nth(1).unwrap_or_default();
            let answer = match path.trim_start_matches("/2018-06-01/runtime/").split('/').collect::<Vec<_>>().as_slice()
            {
                ["invocation", "next"] => match self.next() {
                    Some(answer) => answer,
                    None => return Ok(()),
                },
                ["invocation", _, "response"] => {
                    self.state().answers.push(serde_json::from_slice(&body).unwrap_or_default());
                    accepted()
                }
                ["invocation", _, "error"] | ["init", "error"] => {
                    self.state().failure = Some(format!("{path}: {}", String::from_utf8_lossy(&body)));
                    self.changed.notify_all();
                    accepted()
                }
                _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            };
            writer.write_all(&answer)?;
        }
        Ok(())
    }

    /// Blocks until there is an event; nothing when there never will be.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(event) = state.pending.pop_front() {
                state.idle = false;
                state.served += 1;
                return Some(invocation(state.served, &event));
            }
            state.idle = true;
            state.ready.get_or_insert_with(Instant::now);
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn invocation(number: u64, event: &[u8]) -> Vec<u8> {
    let deadline = SystemClock.now().as_millisecond().saturating_add(i64::try_from(DEADLINE.as_millis()).unwrap_or(0));
    // Spread over all traces as real ids are, because functions sample by them; and the same in every run.
    let trace = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-{number:012x}\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\
         lambda-runtime-invoked-function-arn: {FUNCTION_ARN}\r\n\
         lambda-runtime-trace-id: Root=1-695c7f80-{:08x}{trace:016x};Parent={trace:016x};Sampled=0\r\n\
         content-length: {}\r\n\r\n",
        number,
        event.len()
    )
    .into_bytes();
    answer.extend_from_slice(event);
    answer
}

fn accepted() -> Vec<u8> {
    b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}".to_vec()
}

/// One request: its first line and its body; nothing when the connection has ended.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut first, mut length, mut chunked) = (None, 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':').filter(|_| first.is_some()) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(usize::MAX),
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        first.get_or_insert_with(|| line.to_owned());
    }
    let mut body = Vec::new();
    if chunked {
        while let size @ 1.. = chunk_size(reader)? {
            take(reader, size.saturating_add(2), &mut body)?;
            body.truncate(body.len().saturating_sub(2));
        }
        reader.read_line(&mut String::new())?;
    } else {
        take(reader, length, &mut body)?;
    }
    Ok(first.map(|first| (first, body)))
}

fn chunk_size(reader: &mut BufReader<TcpStream>) -> io::Result<usize> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)
}

fn take(reader: &mut BufReader<TcpStream>, bytes: usize, body: &mut Vec<u8>) -> io::Result<()> {
    if bytes.saturating_add(body.len()) > MAX_BYTES {
        return Err(io::Error::other("the answer is longer than Lambda takes"));
    }
    let start = body.len();
    body.resize(start + bytes, 0);
    reader.read_exact(body.get_mut(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIMIT: Duration = Duration::from_secs(10);

    /// One request on a connection of its own; the whole answer's head and body.
    fn exchange(address: &str, line: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            length = line.trim().strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_function_gets_its_events_in_order_and_its_answers_are_kept() {
        let api = RuntimeApi::start().unwrap();
        let address = api.address();
        thread::spawn(move || {
            loop {
                let (head, event) = exchange(&address, "GET /2018-06-01/runtime/invocation/next", "");
                assert!(
                    head.contains("lambda-runtime-aws-request-id: ") && head.contains("lambda-runtime-deadline-ms: ")
                );
                let answer = format!("{{\"echo\":{event}}}");
                exchange(&address, "POST /2018-06-01/runtime/invocation/1/response", &answer);
            }
        });
        api.ready(|| true, LIMIT).unwrap();
        let answers = api.serve([json!(1), json!(2)], || true, LIMIT).unwrap();
        assert_eq!(answers, [json!({ "echo": 1 }), json!({ "echo": 2 })]);
    }

    #[test]
    fn what_a_function_reports_as_failed_is_the_error() {
        let api = RuntimeApi::start().unwrap();
        exchange(&api.address(), "POST /2018-06-01/runtime/init/error", "TABLE_NAME is not set");
        let error = api.ready(|| true, LIMIT).unwrap_err();
        assert!(error.to_string().ends_with("TABLE_NAME is not set"), "{error}");
        let error = api.ready(|| false, LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "it ended by itself");
    }
}

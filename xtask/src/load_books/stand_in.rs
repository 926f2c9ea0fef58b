//! A store of one route on a local port, for tests: real HTTP, one request a connection, answers from a closure.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

pub(super) struct Request {
    pub(super) line: String,
    pub(super) authorization: String,
    pub(super) books: Vec<Value>,
}

/// The base URL of a store that answers each request with what `answer` makes of it, until the test ends.
pub(super) fn serve(mut answer: impl FnMut(Request) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/store", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (status, body) = answer(read(&mut stream));
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    url
}

/// The answers of a store that keeps ISBNs and refuses a book with the title `refuse me`.
pub(super) fn keep(books: &[Value], kept: &mut BTreeSet<String>) -> (u16, Value) {
    let one = |(index, book): (usize, &Value)| {
        if book["title"] == "refuse me" {
            json!({ "index": index, "status": "refused", "problem": { "status": 422, "code": "title_refused" } })
        } else if kept.insert(book["isbn"].as_str().unwrap().to_owned()) {
            json!({ "index": index, "status": "created", "id": format!("bok_{index}") })
        } else {
            json!({ "index": index, "status": "exists", "id": format!("bok_{index}") })
        }
    };
    (200, json!({ "results": books.iter().enumerate().map(one).collect::<Vec<_>>() }))
}

fn read(stream: &mut TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let header = |name: &str| {
        let named = |line: &String| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        lines.iter().find_map(named).unwrap()
    };
    let mut body = vec![0; header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let Value::Array(books) = serde_json::from_slice::<Value>(&body).unwrap()["books"].take() else {
        panic!("the body has no books");
    };
    Request { line: lines[0].clone(), authorization: header("authorization"), books }
}

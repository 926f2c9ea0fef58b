use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::*;
use crate::net::Roots;

/// A peer that handles one connection as told.
fn peer<T: Send + 'static>(handle: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || handle(listener.accept().unwrap().0)))
}

/// Reads up to the end of the headers; the requests of these tests have no body.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

async fn send(address: SocketAddr, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
    let wire = Wire::new(Client::new(Roots::Amazon, None));
    let request = Request::get(format!("http://{address}/path")).body(Bytes::new()).unwrap();
    wire.send(request, timeout).await
}

const PATIENT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (address, peer) = peer(|mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 418 Teapot\r\ncontent-length: 5\r\nx-kind: tea\r\n\r\nshort").unwrap();
        head
    });
    let answer = send(address, PATIENT).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (418, b"short".as_slice()));
    assert_eq!(answer.headers()["x-kind"], "tea");
    assert!(peer.join().unwrap().starts_with("GET /path HTTP/1.1"));
}

#[tokio::test]
async fn a_refused_connection_is_surely_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(send(free, PATIENT).await.unwrap_err().surely_not_sent());
}

#[tokio::test]
async fn an_unknown_host_is_surely_not_sent() {
    let wire = Wire::new(Client::new(Roots::Amazon, None));
    let request = Request::get("http://nowhere.invalid/").body(Bytes::new()).unwrap();
    assert!(wire.send(request, PATIENT).await.unwrap_err().surely_not_sent());
}

#[tokio::test]
async fn a_failed_handshake_is_surely_not_sent() {
    let (address, peer) = peer(|mut stream| stream.write_all(b"not TLS at all\r\n\r\n").unwrap());
    let wire = Wire::new(Client::new(Roots::Amazon, None));
    let request = Request::get(format!("https://{address}/")).body(Bytes::new()).unwrap();
    assert!(wire.send(request, PATIENT).await.unwrap_err().surely_not_sent());
    peer.join().unwrap();
}

#[tokio::test]
async fn a_connection_cut_after_the_request_leaves_the_outcome_open() {
    let (address, peer) = peer(|mut stream| read_head(&mut stream));
    let error = send(address, PATIENT).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
    peer.join().unwrap();
}

#[tokio::test]
async fn an_answer_cut_short_leaves_the_outcome_open() {
    let (address, peer) = peer(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort").unwrap();
    });
    let error = send(address, PATIENT).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
    peer.join().unwrap();
}

#[tokio::test]
async fn silence_after_the_request_is_a_timeout_with_the_outcome_open() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (address, peer) = peer(move |mut stream| {
        read_head(&mut stream);
        // Holds the connection open until the client has given up.
        wait.recv().unwrap_err();
    });
    let error = send(address, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut(_)), "{error:?}");
    drop(done);
    peer.join().unwrap();
}

#[tokio::test]
async fn silence_before_the_request_could_leave_is_surely_not_sent() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    // Never says a word of its handshake.
    let (address, peer) = peer(move |_stream| wait.recv().unwrap_err());
    let wire = Wire::new(Client::new(Roots::Amazon, None));
    let request = Request::get(format!("https://{address}/")).body(Bytes::new()).unwrap();
    assert!(wire.send(request, Duration::from_millis(200)).await.unwrap_err().surely_not_sent());
    drop(done);
    peer.join().unwrap();
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let (address, peer) = peer(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let error = send(address, PATIENT).await.unwrap_err();
    assert!(matches!(error, TransportError::TooLarge(_)), "{error:?}");
    // The connection is closed by a task of this thread, so the thread must not block.
    tokio::task::spawn_blocking(|| peer.join()).await.unwrap().unwrap();
}

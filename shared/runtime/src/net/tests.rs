use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream as Socket};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::*;

/// A peer that answers as many requests a connection as told, one connection after the other.
struct Peer {
    address: SocketAddr,
    /// The heads it saw.
    heads: JoinHandle<Vec<String>>,
    /// Says when a connection has been closed.
    closed: Receiver<()>,
}

fn peer(plan: &'static [usize]) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (closing, closed) = channel();
    let serve = move || {
        let mut heads = Vec::new();
        for answers in plan {
            let mut socket = listener.accept().unwrap().0;
            for _ in 0..*answers {
                heads.push(read_head(&mut socket));
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            }
            drop(socket);
            closing.send(()).unwrap();
        }
        heads
    };
    Peer { address, heads: std::thread::spawn(serve), closed }
}

fn read_head(socket: &mut Socket) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

async fn get(client: &Client, address: SocketAddr) -> Result<Bytes, NetError> {
    let request = Request::get(format!("http://{address}/path?x=1")).body(SdkBody::empty()).unwrap();
    let response = client.send(request, &AtomicBool::new(false)).await?;
    Ok(response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_connection_is_used_again_once_the_answer_is_read() {
    let peer = peer(&[3]);
    let client = Client::new(Roots::Amazon, None);
    for _ in 0..3 {
        assert_eq!(get(&client, peer.address).await.unwrap(), "ok");
    }
    peer.closed.recv().unwrap();
    let heads = peer.heads.join().unwrap();
    assert!(heads[0].starts_with("GET /path?x=1 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("host: {}\r\n", peer.address)), "{}", heads[0]);
}

#[tokio::test]
async fn a_connection_opened_ahead_is_the_one_the_first_request_takes() {
    let peer = peer(&[1]);
    let client = Client::new(Roots::Amazon, None);
    client.connect_ahead(&format!("http://{}", peer.address)).await.unwrap();
    // The peer takes one connection only.
    assert_eq!(get(&client, peer.address).await.unwrap(), "ok");
    peer.closed.recv().unwrap();
    assert!(client.connect_ahead("ftp://x").await.is_err());
}

#[tokio::test]
async fn a_connection_the_peer_has_closed_is_replaced() {
    let peer = peer(&[1, 1]);
    let client = Client::new(Roots::Amazon, None);
    get(&client, peer.address).await.unwrap();
    peer.closed.recv().unwrap();
    assert_eq!(get(&client, peer.address).await.unwrap(), "ok");
    peer.closed.recv().unwrap();
    assert_eq!(peer.heads.join().unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_dropped_half_read_closes_its_connection() {
    let peer = peer(&[1, 1]);
    let client = Client::new(Roots::Amazon, None);
    let request = Request::get(format!("http://{}/", peer.address)).body(SdkBody::empty()).unwrap();
    drop(client.send(request, &AtomicBool::new(false)).await.unwrap());
    assert_eq!(get(&client, peer.address).await.unwrap(), "ok");
    peer.closed.recv().unwrap();
    peer.closed.recv().unwrap();
    peer.heads.join().unwrap();
}

#[test]
fn the_origin_is_taken_from_the_url_and_the_path_stays() {
    for (url, secure, host, port, header, path) in [
        ("https://api.example/a?b=1", true, "api.example", 443, "api.example", "/a?b=1"),
        ("https://api.example:8443", true, "api.example", 8443, "api.example:8443", "/"),
        ("http://[::1]:4566/x", false, "::1", 4566, "[::1]:4566", "/x"),
        ("http://localhost:80/x", false, "localhost", 80, "localhost", "/x"),
    ] {
        let mut request = Request::get(url).body(()).unwrap();
        let origin = to_origin_form(&mut request).unwrap();
        assert_eq!((origin.secure, origin.host.as_str(), origin.port), (secure, host, port), "{url}");
        assert_eq!((request.headers()[HOST].to_str().unwrap(), request.uri().to_string().as_str()), (header, path));
    }
    assert!(to_origin_form(&mut Request::get("ftp://x/").body(()).unwrap()).is_err());
    assert!(to_origin_form(&mut Request::get("/x").body(()).unwrap()).is_err());
}

#[test]
fn a_host_that_is_signed_for_is_kept() {
    let mut request = Request::get("http://localhost:4566/").header(HOST, "signed.example").body(()).unwrap();
    to_origin_form(&mut request).unwrap();
    assert_eq!(request.headers()[HOST], "signed.example");
}

//! Which addresses are connected to.

use std::sync::Arc;

use crate::fixtures::*;
use webhook_domain::delivery::address::AllowedNetworks;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Sender as _;
use webhook_sender_hyper::MachineResolver;

/// Ways to write 127.0.0.1 and its like in a URL; some of them the domain does not even take for a URL.
fn spellings() -> Vec<String> {
    let mut hosts: Vec<String> = [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7F.0x0.0x0.0x1",
        "0x7f.1",
        "0177.0.0.1",
        "0177.1",
        "017700000001",
        "127.0.0.0x1",
        "127.000.000.001",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "１２７.0.0.1",
        "127。0。0。1",
        "⑫⑦.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2002:7f00:1::1]",
        "[::ffff:0:127.0.0.1]",
        "[::]",
        "0.0.0.0",
        "0",
        "0x0",
        "00",
        "[::ffff:0.0.0.0]",
        "[0000::0001]",
        "[::FFFF:127.0.0.1]",
    ]
    .map(str::to_owned)
    .into();
    for last in 2..=40 {
        hosts.push(format!("127.0.0.{last}"));
        hosts.push((0x7f00_0000_u32 + last).to_string());
        hosts.push(format!("0x{:x}", 0x7f00_0000_u32 + last));
        hosts.push(format!("0{:o}", 0x7f00_0000_u32 + last));
        hosts.push(format!("[::ffff:127.0.0.{last}]"));
    }
    hosts
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_connected_to() {
    let receivers = [
        Receiver::on("0.0.0.0:0", OK).await,
        Receiver::on("[::1]:0", OK).await,
    ];
    let sender = sender_with(
        AllowedNetworks::default(),
        Arc::new(MachineResolver::default()),
        Vec::new(),
    );
    let spellings = spellings();
    assert!(spellings.len() >= 200, "{}", spellings.len());
    for receiver in &receivers {
        for host in &spellings {
            let Some(parcel) = parcel(&receiver.url(host)) else {
                continue;
            };
            let response = sender.send(parcel).await.unwrap();
            let refused = [FailureCause::ForbiddenAddress, FailureCause::NameResolution];
            assert!(refused.map(failed).contains(&response), "{host}: {response:?}");
        }
        assert_eq!(receiver.connections(), 0);
    }
    let control = sender_with(
        allowing(&["127.0.0.0/8"]),
        Arc::new(MachineResolver::default()),
        Vec::new(),
    );
    for host in ["127.1", "0x7f000001", "localhost"] {
        assert_eq!(
            send(&control, &receivers[0].url(host)).await.outcome,
            answered(200),
            "{host}"
        );
    }
}

#[tokio::test]
async fn metadata_is_never_connected_to_whatever_is_allowed() {
    let everything = allowing(&["0.0.0.0/0", "::/0"]);
    let sender = sender_with(
        everything,
        Names::saying(&[&["169.254.169.254", "fd00:ec2::254"]]),
        Vec::new(),
    );
    for host in [
        "169.254.169.254",
        "2852039166",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "metadata.example",
    ] {
        let response = send(&sender, &format!("http://{host}/latest")).await;
        assert_eq!(response, failed(FailureCause::ForbiddenAddress), "{host}");
    }
}

#[tokio::test]
async fn a_name_is_judged_at_every_connection() {
    let receiver = Receiver::on(
        "127.0.0.1:0",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let forbidden = Receiver::on(&format!("127.0.0.2:{}", receiver.address.port()), OK).await;
    let names = Names::saying(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"], &[]]);
    let sender = sender_with(allowing(&["127.0.0.1/32"]), names, Vec::new());
    let url = receiver.url("changing.example");
    assert_eq!(send(&sender, &url).await.outcome, answered(200));
    assert_eq!(send(&sender, &url).await, failed(FailureCause::ForbiddenAddress));
    assert_eq!(
        send(&sender, &url).await.outcome,
        answered(200),
        "the address that may be"
    );
    assert_eq!(send(&sender, &url).await, failed(FailureCause::NameResolution));
    assert_eq!((receiver.connections(), forbidden.connections()), (2, 0));
}

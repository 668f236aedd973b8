//! Who one is: TLS with certificates on both sides, and SASL, with Apache's server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use zoarium_client::acl::Acl;
use zoarium_client::sasl::DigestMd5;
use zoarium_client::tls::Tls;
use zoarium_client::{Client, ClientBuilder, ConnectError, State};

use super::{block_on, soon};
use crate::server::{Kind, Server};
use crate::tools::{Tools, run as run_command};

/// For how long a client tries that is to be refused; longer, up to the limit, where the machine was
/// too busy for one whole attempt.
const ATTEMPTS: Duration = Duration::from_millis(1500);
const ATTEMPTS_MAX: Duration = Duration::from_secs(24);

const USERS: &str = r#"Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required user_app="secret";
};
"#;

pub(super) fn run(tools: &Tools) -> Result<String> {
    let dir = tools.run_dir("rust-secured")?;
    certificates(&dir)?;
    fs::write(dir.join("jaas.conf"), USERS)?;
    let secure_port = tools.port();
    let file = |name: &str| dir.join(name).display().to_string();
    let lines = [
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory".to_owned(),
        "sessionRequireClientSASLAuth=true".to_owned(),
        "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider".to_owned(),
        format!("secureClientPort={secure_port}\nsecureClientPortAddress=127.0.0.1"),
        format!("ssl.keyStore.location={}\nssl.keyStore.type=PEM", file("server-both.pem")),
        format!("ssl.trustStore.location={}\nssl.trustStore.type=PEM", file("ca.pem")),
        "ssl.clientAuth=need".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut server = Server::prepare(tools, Kind::Apache, "rust-secured", &lines)?;
    server.define(&format!("java.security.auth.login.config={}", file("jaas.conf")));
    server.restart()?;
    let secure = format!("127.0.0.1:{secure_port}");
    block_on(story(&dir, &server.address(), &secure))
}

async fn story(dir: &Path, plain: &str, secure: &str) -> Result<String> {
    let trusting = Tls::trusting(dir.join("ca.pem"));
    let tls = trusting.clone().with_identity(dir.join("client.pem"), dir.join("client.key"));
    let app = || DigestMd5::new("app", "secret");
    let client = Client::builder(secure).connector(tls.clone()).sasl(app()).connect().await?;
    let identities = client.who_am_i().await?;
    let has = |scheme: &str, id: &str| {
        identities.iter().any(|it| it.scheme == scheme && it.id.contains(id))
    };
    ensure!(has("sasl", "app") && has("x509", "CN=rust-client"), "{identities:?}");
    client.create("/mine").data(vec![7; 300_000]).acl(Acl::creator()).await?;
    let reads: Vec<_> = (0..20).map(|_| client.get("/mine").send()).collect();
    for read in reads {
        ensure!(soon("a read", read).await??.data == [7; 300_000][..], "changed on its way");
    }
    soon("the close", client.close()).await??;

    // The same user without TLS has what is the user's.
    let client = Client::builder(plain).sasl(app()).connect().await?;
    client.get("/mine").await?;
    drop(client);

    refused(plain, DigestMd5::new("app", "wrong")).await.context("a wrong password")?;
    refused(plain, DigestMd5::new("nobody", "secret")).await.context("a wrong name")?;
    let certificate = "invalid peer certificate";
    let other = Tls::trusting(dir.join("client.pem"));
    let unreachable = [
        (other, certificate, "another authority"),
        (tls.clone().server_name("elsewhere"), certificate, "another name"),
        (trusting, "", "no certificate of the client"),
        (tls.with_identity(dir.join("none"), dir.join("none")), "none: ", "no file"),
    ];
    let unreachable = unreachable.map(|(tls, words, what)| {
        let builder = Client::builder(secure).connector(tls).sasl(app());
        (tokio::spawn(unreached(builder, words)), what)
    });
    for (refusal, what) in unreachable {
        refusal.await?.context(what)?;
    }
    Ok("TLS with certificates on both sides, SASL over TLS and without".to_owned())
}

/// Fails if the client connects, or not for the reason that has these words in it.
async fn unreached(builder: ClientBuilder, words: &'static str) -> Result<()> {
    let mut patience = ATTEMPTS;
    loop {
        let connected = builder.clone().connect_timeout(patience).connect().await;
        let error = connected.err().context("it connected")?;
        if matches!(&error, ConnectError::Unreachable { last, .. } if last.contains(words)) {
            return Ok(());
        }
        patience *= 2;
        ensure!(patience <= ATTEMPTS_MAX, "{error}");
    }
}

async fn refused(server: &str, user: DigestMd5) -> Result<()> {
    let client = Client::builder(server).sasl(user).start()?;
    let mut states = client.states();
    let over = async { while !states.next().await.is_some_and(|it| it.is_final()) {} };
    soon("the refusal", Box::pin(over)).await?;
    ensure!(client.state() == State::AuthFailed, "{:?}", client.state());
    Ok(())
}

/// An authority, and certificates for a server on 127.0.0.1 and a client.
fn certificates(dir: &Path) -> Result<()> {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        run_command(command.current_dir(dir).args(arguments.split(' ')))
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("req -x509 {key} -subj /CN=ca -keyout ca.key -out ca.pem"))?;
    for (name, extension) in
        [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")]
    {
        openssl(&format!(
            "req -x509 {key} -subj /CN=rust-{name} -CA ca.pem -CAkey ca.key \
             -addext {extension} -addext basicConstraints=critical,CA:FALSE \
             -keyout {name}.key -out {name}.pem"
        ))?;
    }
    let both = [fs::read(dir.join("server.pem"))?, fs::read(dir.join("server.key"))?].concat();
    fs::write(dir.join("server-both.pem"), both)?;
    Ok(())
}

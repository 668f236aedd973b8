// Included by the examples in the documentation: runs one against a server in this process.

pub fn serving(
    example: impl AsyncFnOnce(&str) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    use std::path::Path;
    use zoarium_server::config::{Sources, load};

    let name = format!("zoarium-example-{}-{:?}", std::process::id(), std::time::Instant::now());
    let data = std::env::temp_dir().join(name.replace(|c: char| !c.is_alphanumeric(), "-"));
    std::fs::create_dir(&data)?;
    let config = format!(
        "clientPort=0\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ndataDir={}\n",
        data.display()
    );
    let read = |path: &Path| match path.ends_with("zoo.cfg") {
        true => Ok(config.as_bytes().to_owned()),
        false => Err(std::io::ErrorKind::NotFound.into()),
    };
    let arguments = ["zoo.cfg".to_owned()];
    let sources = Sources { arguments: &arguments, defines: &[], variable: &|_| None, read: &read };
    let loaded = load(&sources).map_err(|error| format!("{error:?}"))?;
    let done = tokio::runtime::Runtime::new()?.block_on(async {
        let server = zoarium_server::Server::start(loaded).await?;
        let done = example(&server.local_addr().to_string()).await;
        server.stop();
        done
    });
    std::fs::remove_dir_all(&data)?;
    done
}

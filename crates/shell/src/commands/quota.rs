//! Quotas, which are kept in znodes below `/zookeeper/quota`.

use crate::call::Call;
use crate::failure::{Failure, Syntax};
use crate::reply::Reply;
use crate::shell::Shell;
use crate::subtree::{self, join};
use serde_json::json;
use std::fmt;
use zoarium_client::{Client, ErrorCode};

const QUOTA: &str = "/zookeeper/quota";
const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

/// Limits of a quota; −1 is none. Or what a subtree has, which has no hard half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quota {
    count: i64,
    bytes: i64,
    count_hard: i64,
    bytes_hard: i64,
}

impl Quota {
    const NONE: Self = Self { count: -1, bytes: -1, count_hard: -1, bytes_hard: -1 };

    /// Reads `count=…,bytes=…`, with or without the hard half that Apache has since 3.7. What is
    /// not there is no limit.
    fn parse(text: &str) -> Self {
        let mut quota = Self::NONE;
        for (key, value) in text.split([',', ';']).filter_map(|part| part.split_once('=')) {
            // The soft half ends in an equals sign of its own.
            let value = value.trim_end_matches('=').parse().unwrap_or(-1);
            match key {
                "count" => quota.count = value,
                "bytes" => quota.bytes = value,
                "countHardLimit" => quota.count_hard = value,
                "byteHardLimit" => quota.bytes_hard = value,
                _ => {}
            }
        }
        quota
    }

    /// The limit that an option is about.
    fn limit(&mut self, option: &str) -> Option<&mut i64> {
        match option {
            "n" => Some(&mut self.count),
            "b" => Some(&mut self.bytes),
            "N" => Some(&mut self.count_hard),
            "B" => Some(&mut self.bytes_hard),
            _ => None,
        }
    }

    /// What a subtree has, as servers write it.
    fn usage(&self) -> String {
        format!("count={},bytes={}", self.count, self.bytes)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, bytes, count_hard, bytes_hard } = self;
        write!(
            f,
            "count={count},bytes={bytes}=;byteHardLimit={bytes_hard};countHardLimit={count_hard}"
        )
    }
}

fn remark<T>(text: String) -> Result<T, Failure> {
    Err(Failure::Remark { text, is_result: false })
}

/// Reads a quota znode, if it is there.
async fn read(client: &Client, path: &str) -> Result<Option<Quota>, Failure> {
    match client.get(path).await {
        Ok(read) => Ok(Some(Quota::parse(&String::from_utf8_lossy(&read.data)))),
        Err(error) if error.is_no_node() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `listquota`.
pub(super) async fn list(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let limits = format!("{QUOTA}{path}/{LIMITS}");
    if !shell.is_json() {
        shell.say(&Reply::Warning(format!("absolute path is {limits}")))?;
    }
    let Some(quota) = read(&client, &limits).await? else {
        return remark(format!("quota for {path} does not exist."));
    };
    let used = read(&client, &format!("{QUOTA}{path}/{STATS}")).await?.unwrap_or(Quota::NONE);
    let text = format!("Output quota for {path} {quota}\nOutput stat for {path} {}", used.usage());
    let value = json!({
        "path": path,
        "count": quota.count,
        "bytes": quota.bytes,
        "count_hard": quota.count_hard,
        "bytes_hard": quota.bytes_hard,
        "used": { "count": used.count, "bytes": used.bytes },
    });
    shell.say(&Reply::Lines { text, value })
}

/// `setquota`.
pub(super) async fn set(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let Some(option) = call.spec.exclusive.iter().find(|option| call.has(option)) else {
        return Err(Failure::Syntax(Syntax::MissingQuota));
    };
    let limit = limit(call, option)?;
    let (path, client) = (call.path(), shell.client()?);
    check(&client, path).await?;
    let limits = format!("{QUOTA}{path}/{LIMITS}");
    let stats = format!("{QUOTA}{path}/{STATS}");
    let present = read(&client, &limits).await?;
    let mut quota = present.unwrap_or(Quota::NONE);
    if let Some(value) = quota.limit(option) {
        *value = limit;
    }
    match present {
        Some(_) => drop(client.set(limits, quota.to_string().into_bytes()).await?),
        None => {
            let start = Quota { count: 0, bytes: 0, ..Quota::NONE }.usage().into_bytes();
            make_parents(&client, path).await?;
            client.create(limits).data(quota.to_string().into_bytes()).await?;
            client.create(stats.as_str()).data(start).await?;
        }
    }
    // The server counts when the znodes are there.
    let used = read(&client, &stats).await?.unwrap_or(Quota::NONE);
    for warning in warnings(&quota, &used) {
        shell.say(&Reply::Lines { text: warning.clone(), value: json!({ "warning": warning }) })?;
    }
    shell.say(&Reply::Lines {
        text: String::new(),
        value: json!({ "path": path, "quota": quota.to_string() }),
    })
}

/// Makes the znodes above a quota that are missing.
async fn make_parents(client: &Client, path: &str) -> Result<(), Failure> {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    for end in ends {
        let above = format!("{QUOTA}{}", path.get(..end).unwrap_or(path));
        if client.exists(above.as_str()).await?.is_some() {
            continue;
        }
        match client.create(above).no_data().await {
            Err(error) if !error.is_node_exists() => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn limit(call: &Call, option: &str) -> Result<i64, Failure> {
    let said = |text: &str| remark(text.to_owned());
    let text = call.value(option).unwrap_or_default();
    let is_count = matches!(option, "n" | "N");
    let limit = match is_count {
        true => text.parse::<i32>().map(i64::from),
        false => text.parse::<i64>(),
    };
    match limit {
        Err(_) => said("NumberFormatException happens when parsing the option value"),
        Ok(limit) if is_count && limit <= 0 => said("the num quota must be greater than zero"),
        Ok(limit) if limit < 0 => said("the bytes quota must be greater than or equal to zero"),
        Ok(limit) => Ok(limit),
    }
}

fn warnings(quota: &Quota, used: &Quota) -> Vec<String> {
    let is_over = |used: i64, limit: i64| limit > -1 && used > limit;
    let mut warnings = Vec::new();
    if is_over(used.count, quota.count) || is_over(used.count, quota.count_hard) {
        warnings.push(format!(
            "[Warning]: the count quota you create is less than the existing count:{}",
            used.count
        ));
    }
    if is_over(used.bytes, quota.bytes) || is_over(used.bytes, quota.bytes_hard) {
        warnings.push(format!(
            "[Warning]: the bytes quota you create is less than the existing bytes:{}",
            used.bytes
        ));
    }
    warnings
}

/// Whether a quota may be set here: the znode is there, and no other quota is above or below it.
async fn check(client: &Client, path: &str) -> Result<(), Failure> {
    let said = |text: String| Err(Failure::Said(text));
    if path.starts_with(QUOTA) {
        return remark(format!("cannot set a quota under the path: {QUOTA}"));
    }
    if client.exists(path).await?.is_none() {
        return said(format!("{path} does not exist."));
    }
    let own = format!("{QUOTA}{path}");
    let below = match subtree::paths(client, &own).await {
        Err(failure) if failure.missing().is_some() => Vec::new(),
        paths => paths?,
    };
    let limits = format!("/{LIMITS}");
    let other = below.iter().find_map(|found| {
        found.strip_suffix(&limits).filter(|quota| *quota != own)?.strip_prefix(QUOTA)
    });
    if let Some(other) = other {
        return said(format!("{path} has a child {other} which has a quota"));
    }
    let mut above = path;
    while let Some((parent, _)) = above.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
        above = parent;
        if client.exists(format!("{QUOTA}{above}/{LIMITS}")).await?.is_some() {
            return said(format!("{path} has a parent {above} which has a quota"));
        }
    }
    Ok(())
}

/// `delquota`.
pub(super) async fn delete(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let limits = format!("{QUOTA}{path}/{LIMITS}");
    let Some(mut quota) = read(&client, &limits).await? else {
        let text = format!("Quota does not exist for {path}");
        return Err(Failure::Remark { text, is_result: true });
    };
    let option = call.spec.exclusive.iter().find(|option| call.has(option));
    if let Some(limit) = option.and_then(|option| quota.limit(option)) {
        *limit = -1;
        client.set(limits, quota.to_string().into_bytes()).await?;
    } else {
        let own = format!("{QUOTA}{path}");
        client.delete(limits).await?;
        client.delete(join(&own, STATS)).if_exists().await?;
        trim(&client, &own).await?;
    }
    shell.say(&Reply::Done { path: path.to_owned() })
}

/// Deletes znodes that nothing is below any more, upwards from one.
async fn trim(client: &Client, path: &str) -> Result<(), Failure> {
    let mut path = path;
    while path != QUOTA {
        if client.exists(path).await?.is_some_and(|stat| stat.num_children > 0) {
            return Ok(());
        }
        match client.delete(path).await {
            Ok(()) => {}
            Err(error) if error.is_no_node() => {}
            // Somebody has set a quota meanwhile.
            Err(error) if error.code() == Some(ErrorCode::NotEmpty) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let Some((above, _)) = path.rsplit_once('/') else { return Ok(()) };
        path = above;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        let quota = Quota { count: 5, bytes: 500, count_hard: 7, bytes_hard: -1 };
        let text = "count=5,bytes=500=;byteHardLimit=-1;countHardLimit=7";
        assert_eq!(quota.to_string(), text);
        assert_eq!(Quota::parse(text), quota);
        // As written before 3.7, and by servers for what is used.
        assert_eq!(Quota::parse("count=5,bytes=6").usage(), "count=5,bytes=6");
        assert_eq!(Quota::parse("nonsense"), Quota::NONE);
    }

    #[test]
    fn both_limits_are_warned_about_once() {
        let quota = Quota { count: 5, count_hard: 3, bytes: -1, bytes_hard: 10 };
        let used = Quota { count: 6, bytes: 10, ..Quota::NONE };
        assert_eq!(warnings(&quota, &used).len(), 1);
    }
}

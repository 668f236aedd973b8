// A short program with node-zookeeper-client (plain JavaScript): every basic operation, then a
// reconnect over a server restart.
"use strict";

const assert = require("assert");
const readline = require("readline");
const { promisify } = require("util");
const zookeeper = require("node-zookeeper-client");

const { ACL, CreateMode, Event, Exception, Id, Permission } = zookeeper;
const done = (step) => console.log("ok " + step);

function connect(address) {
  const client = zookeeper.createClient(address, { sessionTimeout: 20000, retries: 20 });
  const call = {};
  for (const name of ["create", "remove", "setData", "getACL", "removeRecursive"]) {
    call[name] = promisify(client[name].bind(client));
  }
  // These answer with several values, and take an optional watcher.
  for (const name of ["exists", "getData", "getChildren"]) {
    call[name] = (path, watcher) =>
      new Promise((resolve, reject) => {
        const callback = (error, ...values) => (error ? reject(error) : resolve(values));
        watcher ? client[name](path, watcher, callback) : client[name](path, callback);
      });
  }
  call.client = client;
  return new Promise((resolve) => {
    client.once("connected", () => resolve(call));
    client.connect();
  });
}

const failing = (code, promise) =>
  assert.rejects(promise, (error) => error.getCode() === Exception[code], code);

async function basics(zk) {
  assert.equal(await zk.create("/node", Buffer.from("root")), "/node");
  await failing("NODE_EXISTS", zk.create("/node"));
  await failing("NO_NODE", zk.create("/node/no/parent"));
  done("create");
  const [data, stat] = await zk.getData("/node");
  assert.equal(data.toString(), "root");
  assert.equal(stat.version, 0);
  done("get");
  assert.equal((await zk.setData("/node", Buffer.from("changed"), 0)).version, 1);
  await failing("BAD_VERSION", zk.setData("/node", Buffer.from("x"), 0));
  done("set");
  assert.equal((await zk.exists("/node/none"))[0], null);
  assert.equal((await zk.exists("/node"))[0].dataLength, 7);
  done("exists");
  await zk.create("/node/a");
  await zk.create("/node/b");
  assert.deepEqual((await zk.getChildren("/node"))[0].sort(), ["a", "b"]);
  done("children");
}

async function watches(zk) {
  const path = "/node/watched";
  const expectEvent = async (type, watched, change) => {
    const event = new Promise((resolve) => watched(resolve));
    await change();
    const { type: found, path: where } = await event;
    assert.deepEqual([found, where], [type, path]);
  };
  await expectEvent(Event.NODE_CREATED, (w) => zk.exists(path, w), () => zk.create(path));
  await expectEvent(Event.NODE_DATA_CHANGED, (w) => zk.getData(path, w),
    () => zk.setData(path, Buffer.from("x"), -1));
  await expectEvent(Event.NODE_CHILDREN_CHANGED, (w) => zk.getChildren(path, w),
    () => zk.create(path + "/child"));
  await zk.remove(path + "/child", -1);
  await expectEvent(Event.NODE_DELETED, (w) => zk.getData(path, w), () => zk.remove(path, -1));
  done("watch");
}

// After a write, even one that fails, a session sees what others have written elsewhere.
const seeAll = (zk) => failing("NO_NODE", zk.remove("/node/none", -1));

async function kinds(zk, address) {
  const other = await connect(address);
  await other.create("/node/eph", CreateMode.EPHEMERAL);
  await seeAll(zk);
  const [stat] = await zk.exists("/node/eph");
  assert.deepEqual(stat.ephemeralOwner, other.client.getSessionId());
  other.client.close();
  await new Promise((resolve) => other.client.once("disconnected", resolve));
  await seeAll(zk);
  assert.equal((await zk.exists("/node/eph"))[0], null);
  done("ephemeral");
  const first = await zk.create("/node/seq-", CreateMode.PERSISTENT_SEQUENTIAL);
  const second = await zk.create("/node/seq-", CreateMode.EPHEMERAL_SEQUENTIAL);
  assert.equal(Number(second.slice(-10)), Number(first.slice(-10)) + 1);
  done("sequential");
}

async function multi(zk) {
  const commit = (transaction) =>
    new Promise((resolve) => transaction.commit((error, results) => resolve([error, results])));
  const [error, results] = await commit(
    zk.client.transaction()
      .create("/node/m", Buffer.from("m"))
      .setData("/node/m", Buffer.from("n"), 0)
      .check("/node/m", 1)
      .create("/node/m2")
      .remove("/node/m2", -1));
  assert.ifError(error);
  assert.equal(results.length, 5);
  done("multi");
  const [failure] = await commit(
    zk.client.transaction().create("/node/never").check("/node/m", 99).remove("/node/m", -1));
  assert.equal(failure.getCode(), Exception.BAD_VERSION);
  assert.equal((await zk.exists("/node/never"))[0], null);
  done("multi-failing");
}

async function acl(zk, address) {
  zk.client.addAuthInfo("digest", Buffer.from("user:secret"));
  await zk.create("/node/acl", Buffer.from("mine"), ACL.CREATOR_ALL_ACL);
  const [entry] = await zk.getACL("/node/acl");
  assert.equal(entry.id.scheme, "digest");
  const other = await connect(address);
  await seeAll(other);
  await failing("NO_AUTH", other.getData("/node/acl"));
  other.client.addAuthInfo("digest", Buffer.from("user:secret"));
  assert.equal((await other.getData("/node/acl"))[0].toString(), "mine");
  other.client.close();
  done("acl");
}

async function reconnect(zk) {
  const session = zk.client.getSessionId().toString("hex");
  await zk.create("/node-eph", Buffer.from("kept"), CreateMode.EPHEMERAL);
  const back = new Promise((resolve) => zk.client.once("connected", resolve));
  console.log("restart the server");
  await new Promise((resolve) => readline.createInterface(process.stdin).once("line", resolve));
  await back;
  assert.equal((await zk.getData("/node-eph"))[0].toString(), "kept");
  assert.equal(zk.client.getSessionId().toString("hex"), session);
  done("reconnect");
}

async function main(address) {
  const zk = await connect(address);
  await basics(zk);
  await watches(zk);
  await kinds(zk, address);
  await multi(zk);
  await acl(zk, address);
  await failing("NOT_EMPTY", zk.remove("/node", -1));
  await zk.remove("/node/a", 0);
  await zk.removeRecursive("/node", -1);
  done("delete");
  await reconnect(zk);
  zk.client.close();
  process.exit(0);
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});

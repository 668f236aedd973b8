// A short program with `zookeeper`, the Node.js binding of Apache's C client. The binding has no
// multi.
"use strict";

const assert = require("assert");
const readline = require("readline");
const ZooKeeper = require("zookeeper");

const { constants } = ZooKeeper;
const done = (step) => console.log("ok " + step);

async function connect(address) {
  const client = new ZooKeeper({ connect: address, timeout: 20000, debug_level: 1 });
  const connected = client.on_connected();
  client.init({});
  return connected;
}

const failing = (words, promise) =>
  assert.rejects(promise, (error) => error.message.includes(words), words);

async function basics(zk) {
  assert.equal(await zk.create("/native", "root", constants.ZOO_PERSISTENT), "/native");
  await failing("node exists", zk.create("/native", "", constants.ZOO_PERSISTENT));
  await failing("no node", zk.create("/native/no/parent", "", constants.ZOO_PERSISTENT));
  await zk.create("/native/container", "c", constants.ZOO_CONTAINER);
  done("create");
  const [stat, data] = await zk.get("/native", false);
  assert.equal(data.toString(), "root");
  assert.equal(stat.version, 0);
  done("get");
  assert.equal((await zk.set("/native", "changed", 0)).version, 1);
  await failing("bad version", zk.set("/native", "x", 0));
  done("set");
  await failing("no node", zk.exists("/native/none", false));
  assert.equal((await zk.exists("/native", false)).dataLength, 7);
  done("exists");
  await zk.create("/native/a", "", constants.ZOO_PERSISTENT);
  assert.deepEqual((await zk.get_children("/native", false)).sort(), ["a", "container"]);
  done("children");
}

async function watches(zk) {
  const path = "/native/a";
  const expectEvent = async (type, watched, change) => {
    const event = new Promise((resolve) =>
      watched((found, _state, where) => resolve([found, where])));
    await change();
    assert.deepEqual(await event, [type, path]);
  };
  await expectEvent(constants.ZOO_CHANGED_EVENT, (w) => zk.w_get(path, w),
    () => zk.set(path, "x", -1));
  await expectEvent(constants.ZOO_CHILD_EVENT, (w) => zk.w_get_children(path, w),
    () => zk.create(path + "/child", "", constants.ZOO_PERSISTENT));
  await zk.delete_(path + "/child", -1);
  await expectEvent(constants.ZOO_DELETED_EVENT, (w) => zk.w_exists(path, w),
    () => zk.delete_(path, -1));
  done("watch");
}

async function kinds(zk, address) {
  const other = await connect(address);
  await other.create("/native/eph", "", constants.ZOO_EPHEMERAL);
  // After a write, even one that fails, a session sees what others have written elsewhere.
  await failing("no node", zk.delete_("/native/none", -1));
  await zk.exists("/native/eph", false);
  other.close();
  const deadline = Date.now() + 30000;
  for (;;) {
    const found = await zk.exists("/native/eph", false).then(() => true, () => false);
    if (!found) break;
    assert(Date.now() < deadline, "the ephemeral outlived its session");
  }
  done("ephemeral");
  const first = await zk.create("/native/seq-", "", constants.ZOO_PERSISTENT_SEQUENTIAL);
  const second = await zk.create("/native/seq-", "", constants.ZOO_EPHEMERAL_SEQUENTIAL);
  assert.equal(Number(second.slice(-10)), Number(first.slice(-10)) + 1);
  await zk.delete_(first, -1);
  await zk.delete_(second, -1);
  done("sequential");
}

async function acl(zk) {
  await zk.create("/native/acl", "mine", constants.ZOO_PERSISTENT);
  const read = { perms: 1, scheme: "world", auth: "anyone" };
  await zk.set_acl("/native/acl", -1, [read]);
  const [[entry]] = await zk.get_acl("/native/acl");
  assert.deepEqual(entry, read);
  await failing("not authenticated", zk.set("/native/acl", "x", -1));
  done("acl");
}

async function reconnect(zk) {
  const session = zk.client_id;
  await zk.create("/native-eph", "kept", constants.ZOO_EPHEMERAL);
  const back = new Promise((resolve) => zk.once("connect", resolve));
  console.log("restart the server");
  await new Promise((resolve) => readline.createInterface(process.stdin).once("line", resolve));
  await back;
  assert.equal((await zk.get("/native-eph", false))[1].toString(), "kept");
  assert.equal(zk.client_id, session);
  done("reconnect");
}

async function main(address) {
  const zk = await connect(address);
  await basics(zk);
  await watches(zk);
  await kinds(zk, address);
  await acl(zk);
  await failing("not empty", zk.delete_("/native", -1));
  await zk.delete_("/native/acl", -1);
  await zk.delete_("/native/container", -1);
  await zk.delete_("/native", 1);
  done("delete");
  await reconnect(zk);
  zk.close();
  process.exit(0);
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});

// A short program with go-zookeeper: every basic operation, then a reconnect over a restart.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

var open = zk.WorldACL(zk.PermAll)

func done(step string) { fmt.Println("ok", step) }

func check(condition bool, format string, args ...any) {
	if !condition {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

func must(err error, what string) { check(err == nil, "%s: %v", what, err) }

func connect(address string) *zk.Conn {
	conn, _, err := zk.Connect(strings.Split(address, ","), 20*time.Second, zk.WithLogInfo(false))
	must(err, "connect")
	return conn
}

func main() {
	address := os.Args[1]
	conn := connect(address)
	basics(conn)
	watches(conn)
	kinds(conn, address)
	multi(conn)
	acl(conn, address)
	remove(conn)
	reconnect(conn)
	conn.Close()
}

func basics(conn *zk.Conn) {
	path, err := conn.Create("/go", []byte("root"), 0, open)
	must(err, "create")
	check(path == "/go", "created %s", path)
	_, err = conn.Create("/go", nil, 0, open)
	check(err == zk.ErrNodeExists, "second create: %v", err)
	_, err = conn.Create("/go/no/parent", nil, 0, open)
	check(err == zk.ErrNoNode, "create without parent: %v", err)
	_, err = conn.CreateContainer("/go/container", []byte("c"), 4, open)
	must(err, "create container")
	done("create")

	data, stat, err := conn.Get("/go")
	must(err, "get")
	check(string(data) == "root" && stat.Version == 0, "get: %s %+v", data, stat)
	done("get")

	stat, err = conn.Set("/go", []byte("changed"), 0)
	must(err, "set")
	check(stat.Version == 1 && stat.DataLength == 7, "set: %+v", stat)
	_, err = conn.Set("/go", nil, 0)
	check(err == zk.ErrBadVersion, "set of an old version: %v", err)
	done("set")

	found, _, err := conn.Exists("/go/none")
	must(err, "exists")
	check(!found, "a znode that is not there")
	found, stat, err = conn.Exists("/go")
	must(err, "exists")
	check(found && stat.NumChildren == 1, "exists: %v %+v", found, stat)
	done("exists")

	_, err = conn.Create("/go/b", nil, 0, open)
	must(err, "create b")
	children, stat, err := conn.Children("/go")
	must(err, "children")
	sort.Strings(children)
	check(strings.Join(children, " ") == "b container", "children: %v", children)
	check(stat.NumChildren == 2, "children: %+v", stat)
	done("children")
}

func expect(events <-chan zk.Event, kind zk.EventType, path string) {
	select {
	case event := <-events:
		check(event.Type == kind && event.Path == path, "event %+v, expected %v %s", event, kind, path)
	case <-time.After(10 * time.Second):
		check(false, "no event %v %s", kind, path)
	}
}

func watches(conn *zk.Conn) {
	path := "/go/watched"
	_, _, events, err := conn.ExistsW(path)
	must(err, "existsW")
	_, err = conn.Create(path, nil, 0, open)
	must(err, "create")
	expect(events, zk.EventNodeCreated, path)
	_, _, events, err = conn.GetW(path)
	must(err, "getW")
	_, err = conn.Set(path, []byte("x"), -1)
	must(err, "set")
	expect(events, zk.EventNodeDataChanged, path)
	_, _, events, err = conn.ChildrenW(path)
	must(err, "childrenW")
	_, err = conn.Create(path+"/child", nil, 0, open)
	must(err, "create child")
	expect(events, zk.EventNodeChildrenChanged, path)
	must(conn.Delete(path+"/child", -1), "delete child")
	_, _, events, err = conn.GetW(path)
	must(err, "getW")
	must(conn.Delete(path, -1), "delete")
	expect(events, zk.EventNodeDeleted, path)
	done("watch")
}

// seeAll makes a write: after one, even one that fails, a session sees what others have written
// elsewhere.
func seeAll(conn *zk.Conn) {
	check(conn.Delete("/go/none", -1) == zk.ErrNoNode, "a delete of nothing")
}

func kinds(conn *zk.Conn, address string) {
	other := connect(address)
	_, err := other.Create("/go/eph", nil, zk.FlagEphemeral, open)
	must(err, "create an ephemeral")
	seeAll(conn)
	_, stat, err := conn.Exists("/go/eph")
	must(err, "exists")
	check(stat.EphemeralOwner == other.SessionID(), "owner %x", stat.EphemeralOwner)
	other.Close()
	// Close waits a second for its reply, and no longer.
	deadline := time.Now().Add(30 * time.Second)
	for found := true; found; {
		seeAll(conn)
		found, _, err = conn.Exists("/go/eph")
		must(err, "exists")
		check(!found || time.Now().Before(deadline), "the ephemeral outlived its session")
	}
	done("ephemeral")

	first, err := conn.Create("/go/seq-", nil, zk.FlagSequence, open)
	must(err, "create a sequential")
	second, err := conn.Create("/go/seq-", nil, zk.FlagSequence|zk.FlagEphemeral, open)
	must(err, "create a sequential")
	check(first < second && len(first) == len("/go/seq-")+10, "%s %s", first, second)
	done("sequential")
}

func multi(conn *zk.Conn) {
	responses, err := conn.Multi(
		&zk.CreateRequest{Path: "/go/m", Data: []byte("m"), Acl: open},
		&zk.SetDataRequest{Path: "/go/m", Data: []byte("n"), Version: 0},
		&zk.CheckVersionRequest{Path: "/go/m", Version: 1},
		&zk.CreateRequest{Path: "/go/m2", Acl: open},
		&zk.DeleteRequest{Path: "/go/m2", Version: 0},
	)
	must(err, "multi")
	check(len(responses) == 5 && responses[0].String == "/go/m", "multi: %+v", responses)
	check(responses[1].Stat.Version == 1, "multi: %+v", responses[1].Stat)
	done("multi")

	responses, err = conn.Multi(
		&zk.CreateRequest{Path: "/go/never", Acl: open},
		&zk.CheckVersionRequest{Path: "/go/m", Version: 99},
		&zk.DeleteRequest{Path: "/go/m", Version: -1},
	)
	check(err == zk.ErrBadVersion, "failing multi: %v %+v", err, responses)
	found, _, err := conn.Exists("/go/never")
	must(err, "exists")
	check(!found, "half a multi was applied")
	done("multi-failing")
}

func acl(conn *zk.Conn, address string) {
	must(conn.AddAuth("digest", []byte("user:secret")), "auth")
	mine := zk.DigestACL(zk.PermAll, "user", "secret")
	_, err := conn.Create("/go/acl", []byte("mine"), 0, mine)
	must(err, "create with an ACL")
	found, _, err := conn.GetACL("/go/acl")
	must(err, "getACL")
	check(len(found) == 1 && found[0] == mine[0], "getACL: %+v", found)
	other := connect(address)
	seeAll(other)
	_, _, err = other.Get("/go/acl")
	check(err == zk.ErrNoAuth, "get without auth: %v", err)
	must(other.AddAuth("digest", []byte("user:secret")), "auth")
	_, _, err = other.Get("/go/acl")
	must(err, "get with auth")
	other.Close()
	done("acl")
}

func remove(conn *zk.Conn) {
	check(conn.Delete("/go", -1) == zk.ErrNotEmpty, "a delete of a parent")
	children, _, err := conn.Children("/go")
	must(err, "children")
	for _, child := range children {
		must(conn.Delete("/go/"+child, -1), "delete "+child)
	}
	check(conn.Delete("/go", 77) == zk.ErrBadVersion, "a delete of another version")
	must(conn.Delete("/go", 1), "delete")
	done("delete")
}

func reconnect(conn *zk.Conn) {
	session := conn.SessionID()
	_, err := conn.Create("/go-eph", []byte("kept"), zk.FlagEphemeral, open)
	must(err, "create an ephemeral")
	fmt.Println("restart the server")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	must(err, "wait for the restart")
	deadline := time.Now().Add(30 * time.Second)
	for {
		data, _, err := conn.Get("/go-eph")
		if err == nil {
			check(string(data) == "kept", "data %q", data)
			break
		}
		check(time.Now().Before(deadline), "no reconnect: %v", err)
		time.Sleep(50 * time.Millisecond)
	}
	check(conn.SessionID() == session, "another session")
	done("reconnect")
}

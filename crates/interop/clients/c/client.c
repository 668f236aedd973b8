/* A short program with Apache's multi-threaded C client: every basic operation, then a reconnect
 * over a server restart. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: %s (last code %d)\n", __FILE__, __LINE__, #condition, rc); \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

static int rc;

static void done(const char *step) {
    printf("ok %s\n", step);
    fflush(stdout);
}

/* The last watch event, and a count of session events that said "connected". */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int events, last_type, connections;
static char last_path[256];

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    pthread_mutex_lock(&lock);
    if (type == ZOO_SESSION_EVENT) {
        connections += state == ZOO_CONNECTED_STATE;
    } else {
        events++;
        last_type = type;
        snprintf(last_path, sizeof last_path, "%s", path);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until *counter reaches count, at most 30 seconds. */
static void wait_for(int *counter, int count) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    pthread_mutex_lock(&lock);
    while (*counter < count) {
        rc = pthread_cond_timedwait(&changed, &lock, &deadline);
        CHECK(rc == 0);
    }
    pthread_mutex_unlock(&lock);
}

static void expect_event(int type, const char *path) {
    static int seen;
    wait_for(&events, ++seen);
    CHECK(last_type == type && strcmp(last_path, path) == 0);
}

static void nobody(zhandle_t *zh, int type, int state, const char *path, void *context) {}

static zhandle_t *connect_to(const char *address, watcher_fn session_watcher) {
    zhandle_t *zh = zookeeper_init(address, session_watcher, 20000, NULL, NULL, 0);
    CHECK(zh != NULL);
    for (int i = 0; i < 3000 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++) {
        usleep(10000);
    }
    CHECK(zoo_state(zh) == ZOO_CONNECTED_STATE);
    return zh;
}

static int create(zhandle_t *zh, const char *path, const char *data, int mode, char *name) {
    rc = zoo_create(zh, path, data, strlen(data), &ZOO_OPEN_ACL_UNSAFE, mode, name, 256);
    return rc;
}

static void basics(zhandle_t *zh) {
    char name[256], data[64];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector children;

    CHECK(create(zh, "/c", "root", ZOO_PERSISTENT, name) == ZOK && strcmp(name, "/c") == 0);
    CHECK(create(zh, "/c", "", ZOO_PERSISTENT, name) == ZNODEEXISTS);
    CHECK(create(zh, "/c/no/parent", "", ZOO_PERSISTENT, name) == ZNONODE);
    CHECK(create(zh, "/c/container", "", ZOO_CONTAINER, name) == ZOK);
    done("create");
    rc = zoo_get(zh, "/c", 0, data, &length, &stat);
    CHECK(rc == ZOK && length == 4 && memcmp(data, "root", 4) == 0 && stat.version == 0);
    done("get");
    rc = zoo_set2(zh, "/c", "changed", 7, 0, &stat);
    CHECK(rc == ZOK && stat.version == 1 && stat.dataLength == 7);
    rc = zoo_set(zh, "/c", "x", 1, 0);
    CHECK(rc == ZBADVERSION);
    done("set");
    rc = zoo_exists(zh, "/c/none", 0, &stat);
    CHECK(rc == ZNONODE);
    rc = zoo_exists(zh, "/c", 0, &stat);
    CHECK(rc == ZOK && stat.numChildren == 1);
    done("exists");
    CHECK(create(zh, "/c/a", "", ZOO_PERSISTENT, name) == ZOK);
    rc = zoo_get_children2(zh, "/c", 0, &children, &stat);
    CHECK(rc == ZOK && children.count == 2 && stat.numChildren == 2);
    deallocate_String_vector(&children);
    done("children");
}

static void watches(zhandle_t *zh) {
    char name[256], data[64];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector children;

    rc = zoo_wexists(zh, "/c/w", watcher, NULL, &stat);
    CHECK(rc == ZNONODE);
    CHECK(create(zh, "/c/w", "", ZOO_PERSISTENT, name) == ZOK);
    expect_event(ZOO_CREATED_EVENT, "/c/w");
    rc = zoo_wget(zh, "/c/w", watcher, NULL, data, &length, &stat);
    CHECK(rc == ZOK);
    rc = zoo_set(zh, "/c/w", "x", 1, -1);
    CHECK(rc == ZOK);
    expect_event(ZOO_CHANGED_EVENT, "/c/w");
    rc = zoo_wget_children(zh, "/c/w", watcher, NULL, &children);
    CHECK(rc == ZOK);
    CHECK(create(zh, "/c/w/child", "", ZOO_PERSISTENT, name) == ZOK);
    expect_event(ZOO_CHILD_EVENT, "/c/w");
    rc = zoo_delete(zh, "/c/w/child", -1);
    CHECK(rc == ZOK);
    rc = zoo_wexists(zh, "/c/w", watcher, NULL, &stat);
    CHECK(rc == ZOK);
    rc = zoo_delete(zh, "/c/w", -1);
    CHECK(rc == ZOK);
    expect_event(ZOO_DELETED_EVENT, "/c/w");
    done("watch");
}

/* After a write, even one that fails, a session sees what others have written elsewhere. */
static void see_all(zhandle_t *zh) {
    rc = zoo_delete(zh, "/c/none", -1);
    CHECK(rc == ZNONODE);
}

static void kinds(zhandle_t *zh, const char *address) {
    char first[256], second[256];
    struct Stat stat;
    zhandle_t *other = connect_to(address, nobody);

    CHECK(create(other, "/c/eph", "", ZOO_EPHEMERAL, first) == ZOK);
    see_all(zh);
    rc = zoo_exists(zh, "/c/eph", 0, &stat);
    CHECK(rc == ZOK && stat.ephemeralOwner == zoo_client_id(other)->client_id);
    zookeeper_close(other);
    /* The close is sent, but its reply is not waited for. */
    time_t deadline = time(NULL) + 30;
    do {
        see_all(zh);
        rc = zoo_exists(zh, "/c/eph", 0, &stat);
    } while (rc == ZOK && time(NULL) < deadline);
    CHECK(rc == ZNONODE);
    done("ephemeral");
    CHECK(create(zh, "/c/s-", "", ZOO_PERSISTENT_SEQUENTIAL, first) == ZOK);
    CHECK(create(zh, "/c/s-", "", ZOO_EPHEMERAL_SEQUENTIAL, second) == ZOK);
    CHECK(atoi(second + 5) == atoi(first + 5) + 1);
    rc = zoo_delete(zh, first, -1);
    CHECK(rc == ZOK);
    rc = zoo_delete(zh, second, -1);
    CHECK(rc == ZOK);
    done("sequential");
}

static void multi(zhandle_t *zh) {
    char name[256];
    struct Stat stat;
    zoo_op_t ops[3];
    zoo_op_result_t results[3];

    zoo_create_op_init(&ops[0], "/c/m", "m", 1, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name);
    zoo_set_op_init(&ops[1], "/c/m", "n", 1, 0, &stat);
    zoo_check_op_init(&ops[2], "/c/m", 1);
    rc = zoo_multi(zh, 3, ops, results);
    CHECK(rc == ZOK && stat.version == 1 && strcmp(name, "/c/m") == 0);
    done("multi");
    zoo_create_op_init(&ops[0], "/c/never", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name);
    zoo_check_op_init(&ops[1], "/c/m", 99);
    zoo_delete_op_init(&ops[2], "/c/m", -1);
    rc = zoo_multi(zh, 3, ops, results);
    CHECK(rc == ZBADVERSION && results[0].err == ZOK && results[1].err == ZBADVERSION);
    CHECK(results[2].err == ZRUNTIMEINCONSISTENCY);
    rc = zoo_exists(zh, "/c/never", 0, &stat);
    CHECK(rc == ZNONODE);
    done("multi-failing");
}

static void acl(zhandle_t *zh, const char *address) {
    char name[256], data[64];
    int length = sizeof data;
    struct Stat stat;
    struct ACL_vector acls;
    zhandle_t *other = connect_to(address, nobody);

    rc = zoo_add_auth(zh, "digest", "user:secret", 11, NULL, NULL);
    CHECK(rc == ZOK);
    rc = zoo_create(zh, "/c/acl", "mine", 4, &ZOO_CREATOR_ALL_ACL, 0, name, sizeof name);
    CHECK(rc == ZOK);
    rc = zoo_get_acl(zh, "/c/acl", &acls, &stat);
    CHECK(rc == ZOK && acls.count == 1 && strcmp(acls.data[0].id.scheme, "digest") == 0);
    deallocate_ACL_vector(&acls);
    see_all(other);
    rc = zoo_get(other, "/c/acl", 0, data, &length, &stat);
    CHECK(rc == ZNOAUTH);
    rc = zoo_add_auth(other, "digest", "user:secret", 11, NULL, NULL);
    CHECK(rc == ZOK);
    rc = zoo_get(other, "/c/acl", 0, data, &length, &stat);
    CHECK(rc == ZOK);
    zookeeper_close(other);
    done("acl");
}

static void delete_all(zhandle_t *zh) {
    rc = zoo_delete(zh, "/c", -1);
    CHECK(rc == ZNOTEMPTY);
    const char *paths[] = {"/c/acl", "/c/m", "/c/a", "/c/container"};
    for (int i = 0; i < 4; i++) {
        rc = zoo_delete(zh, paths[i], -1);
        CHECK(rc == ZOK);
    }
    rc = zoo_delete(zh, "/c", 77);
    CHECK(rc == ZBADVERSION);
    rc = zoo_delete(zh, "/c", 1);
    CHECK(rc == ZOK);
    done("delete");
}

static void reconnect(zhandle_t *zh) {
    char name[256], data[64], line[16];
    int length = sizeof data, before = connections;
    struct Stat stat;
    int64_t session = zoo_client_id(zh)->client_id;

    CHECK(create(zh, "/c-eph", "kept", ZOO_EPHEMERAL, name) == ZOK);
    printf("restart the server\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL);
    wait_for(&connections, before + 1);
    rc = zoo_get(zh, "/c-eph", 0, data, &length, &stat);
    CHECK(rc == ZOK && length == 4);
    CHECK(zoo_client_id(zh)->client_id == session);
    done("reconnect");
}

int main(int argc, char **argv) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = connect_to(argv[1], watcher);
    basics(zh);
    watches(zh);
    kinds(zh, argv[1]);
    multi(zh);
    acl(zh, argv[1]);
    delete_all(zh);
    reconnect(zh);
    zookeeper_close(zh);
    return 0;
}

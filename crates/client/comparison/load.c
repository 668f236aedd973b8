/* The load of src/main.rs through Apache's C client: load SERVERS LOAD. */
#define THREADED
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define PATH "/comparison"
#define WINDOW 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long asked, answered, wanted;
static char data[100];
static zhandle_t *client;

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
  pthread_mutex_lock(&lock);
  if (state == ZOO_CONNECTED_STATE) (*(long *)context)++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static zhandle_t *connect_to(const char *servers) {
  long *connected = calloc(1, sizeof *connected);
  zhandle_t *zh = zookeeper_init(servers, on_session, 60000, NULL, connected, 0);
  pthread_mutex_lock(&lock);
  while (!*connected) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return zh;
}

static void got(int rc, const char *value, int length, const struct Stat *stat, const void *next);
static void was_set(int rc, const struct Stat *stat, const void *next);
static void get(void) { zoo_aget(client, PATH, 0, got, get); }
static void set(void) { zoo_aset(client, PATH, data, sizeof data, -1, was_set, set); }
static void watch(void) {
  char path[64];
  snprintf(path, sizeof path, "/comparison-of-watches/%06ld", asked - 1);
  zoo_awexists(client, path, on_event, NULL, was_set, watch);
}

/* The next request of this load, from the thread that calls back. */
static void proceed(const void *next) {
  pthread_mutex_lock(&lock);
  int more = asked < wanted;
  if (more) asked++;
  if (++answered == wanted) pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  if (more) ((void (*)(void))next)();
}

static void got(int rc, const char *value, int length, const struct Stat *stat, const void *next) {
  proceed(next);
}
static void was_set(int rc, const struct Stat *stat, const void *next) { proceed(next); }

static void keep_under_way(long count, long window, void (*request)(void)) {
  wanted = count;
  for (long first = 0; first < window; first++) {
    pthread_mutex_lock(&lock);
    asked++;
    pthread_mutex_unlock(&lock);
    request();
  }
  pthread_mutex_lock(&lock);
  while (answered < wanted) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static double now(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static long memory(void) {
  long all, resident;
  FILE *file = fopen("/proc/self/statm", "r");
  if (fscanf(file, "%ld %ld", &all, &resident) != 2) exit(1);
  fclose(file);
  return resident * 4096;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  const char *servers = argv[1], *load = argv[2];
  client = connect_to(servers);
  long rest = memory(), count = 0;
  double began = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  char buffer[200];
  struct Stat stat;
  if (!strcmp(load, "get-alone")) {
    for (; count < 20000; count++) {
      int length = sizeof buffer;
      if (zoo_get(client, PATH, 0, buffer, &length, &stat)) return 1;
    }
  } else if (!strcmp(load, "set-alone")) {
    for (; count < 3000; count++)
      if (zoo_set2(client, PATH, data, sizeof data, -1, &stat)) return 1;
  } else if (!strcmp(load, "get")) {
    keep_under_way(count = 400000, WINDOW, get);
  } else if (!strcmp(load, "set")) {
    keep_under_way(count = 100000, WINDOW, set);
  } else if (!strcmp(load, "watches")) {
    keep_under_way(count = 100000, WINDOW, watch);
  } else {
    for (; count < 1000; count++) {
      zhandle_t *one = connect_to(servers);
      int length = sizeof buffer;
      if (zoo_get(one, PATH, 0, buffer, &length, &stat)) return 1;
    }
  }
  double seconds = now(CLOCK_MONOTONIC) - began;
  double cpu_us = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6;
  if (!strcmp(load, "watches") || !strcmp(load, "clients"))
    printf("%s c %ld B\n", load, (memory() - rest) / count);
  else
    printf("%s c %.0f op/s %.2f us\n", load, count / seconds, cpu_us / count);
  return 0;
}

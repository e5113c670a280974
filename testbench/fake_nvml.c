/* A fake libnvidia-ml.so.1 whose energy and power follow closed-form curves.
 * Read from the text file that FAKE_NVML_CONFIG names; structures and numbers as in nvml.h. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { OK, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE,
       DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15, ARGUMENT_VERSION_MISMATCH = 25, UNKNOWN = 999 };
enum { DRIVEN_BYTES = 1 << 16 };
enum { MAX_DEVICES = 8, MAX_MIG = 7, MAX_STEPS = 256, MAX_FAULTS = 48, MAX_PROCESSES = 64,
       TEXT = 96 };
enum { CONSTANT, SQUARE, SINE, DRIVEN, STEPS };
enum { NO_SENSOR, INSTANT, BOXCAR, PARTTIME };
enum { FIELD_ENERGY = 83, FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186 };

typedef struct {
    int kind, steps;
    double p[5], start_s[MAX_STEPS], level_w[MAX_STEPS];
    const volatile double *drive; /* how many levels were set, then start and level of each */
} Curve;

typedef struct {
    char call[TEXT];
    int error;
    unsigned long long value;
    double begin_s, end_s;
} Fault;

typedef struct Device {
    struct Device *parent; /* of a MIG instance */
    int index, migs, mig_mode, energy, sensor;
    char uuid[TEXT], name[TEXT];
    Curve curve;
    int64_t energy_refresh_ns, power_refresh_ns, window_ns, start_mj;
    double latency_s, lost_s, reset_s;
    unsigned arch, power_limit_mw, memory_mib;
    int fault_count;
    Fault faults[MAX_FAULTS];
} Device;

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version; int sensor, temperature; } TemperatureV1;
typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device, pci_subsystem;
    char bus_id[32];
} PciInfo;
typedef struct {
    uint32_t field, scope;
    int64_t timestamp_us, latency_us;
    int value_type, result;
    union { double d; unsigned u; unsigned long long ull; } value;
} FieldValue;

typedef struct { unsigned pid, sm_pct; unsigned long long memory_bytes; } Process;
typedef struct {
    unsigned pid;
    unsigned long long memory_bytes;
    unsigned gpu_instance, compute_instance;
} ProcessInfo;
typedef struct {
    unsigned pid;
    unsigned long long timestamp_us;
    unsigned sm_pct, memory_pct, encoder_pct, decoder_pct;
} ProcessSample;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Device devices[MAX_DEVICES], migs[MAX_DEVICES][MAX_MIG];
static int device_count, references, init_error, calls_fd = -1;
static int64_t t0_ns;

/* ---- time and curves: the same expressions as curves.py ---- */

static int64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ns(void) { return monotonic_ns() - t0_ns; }

static int64_t floor_ns(int64_t t_ns, int64_t period_ns) {
    if (period_ns <= 0) return t_ns;
    int64_t rest = t_ns % period_ns;
    return t_ns - (rest < 0 ? rest + period_ns : rest);
}

static double square_j(const double *p, double x_s) {
    double whole = floor(x_s / p[2]), rest_s = x_s - whole * p[2];
    double high_s = p[3] * p[2], swing_w = p[1] - p[0];
    double per_period_j = p[0] * p[2] + swing_w * high_s;
    return whole * per_period_j + p[0] * rest_s + swing_w * fmin(rest_s, high_s);
}

static double steps_j(const Curve *c, double t_s) {
    double total_j = 0;
    if (t_s <= 0) return c->level_w[0] * t_s;
    for (int i = 0; i < c->steps && c->start_s[i] < t_s; i++) {
        double end_s = i + 1 < c->steps ? c->start_s[i + 1] : INFINITY;
        total_j += c->level_w[i] * (fmin(t_s, end_s) - c->start_s[i]);
    }
    return total_j;
}

/* The level at t_s, and the energy up to then. */
static double driven(const Curve *c, double t_s, double *total_j) {
    double level_w = c->p[0], start_s = 0, total = 0;
    int steps = c->drive ? (int)c->drive[0] : 0;
    for (int i = 0; i < steps && c->drive[2 * i + 1] <= t_s; i++) {
        total += level_w * (c->drive[2 * i + 1] - start_s);
        start_s = c->drive[2 * i + 1];
        level_w = c->drive[2 * i + 2];
    }
    *total_j = total + level_w * (t_s - start_s);
    return level_w;
}

static double energy_j(const Curve *c, double t_s) {
    const double *p = c->p;
    switch (c->kind) {
    case CONSTANT: return p[0] * t_s;
    case SQUARE: return square_j(p, t_s + p[4]) - square_j(p, p[4]);
    case SINE:
        return p[0] * t_s
            + p[1] * p[2] / (2 * M_PI) * (cos(p[3]) - cos(2 * M_PI * t_s / p[2] + p[3]));
    case DRIVEN: {
        double total_j;
        driven(c, t_s, &total_j);
        return total_j;
    }
    default: return steps_j(c, t_s);
    }
}

static double power_w(const Curve *c, double t_s) {
    const double *p = c->p;
    if (c->kind == CONSTANT) return p[0];
    if (c->kind == DRIVEN) {
        double total_j;
        return driven(c, t_s, &total_j);
    }
    if (c->kind == SINE) return p[0] + p[1] * sin(2 * M_PI * t_s / p[2] + p[3]);
    if (c->kind == SQUARE) {
        double x_s = t_s + p[4], rest_s = x_s - floor(x_s / p[2]) * p[2];
        return rest_s < p[3] * p[2] ? p[1] : p[0];
    }
    int i = 0;
    while (i + 1 < c->steps && c->start_s[i + 1] <= t_s) i++;
    return c->level_w[i];
}

static unsigned long long shown_mj(const Device *d) {
    double at_s = floor_ns(now_ns(), d->energy_refresh_ns) / 1e9;
    double counted_j = energy_j(&d->curve, at_s);
    if (at_s < d->reset_s) return d->start_mj + (long long)floor(counted_j * 1e3);
    return (unsigned long long)floor((counted_j - energy_j(&d->curve, d->reset_s)) * 1e3);
}

static unsigned instant_mw(const Device *d) {
    double at_s = floor_ns(now_ns(), d->power_refresh_ns) / 1e9;
    return (unsigned)floor(power_w(&d->curve, at_s) * 1e3 + 0.5);
}

static unsigned shown_mw(const Device *d) {
    if (d->sensor == INSTANT) return instant_mw(d);
    int64_t lag_ns = d->sensor == PARTTIME ? d->window_ns : 0;
    double end_s = (floor_ns(now_ns() - lag_ns, d->power_refresh_ns) + lag_ns) / 1e9;
    double window_s = d->window_ns / 1e9;
    double mean_w = (energy_j(&d->curve, end_s) - energy_j(&d->curve, end_s - window_s)) / window_s;
    return (unsigned)floor(mean_w * 1e3 + 0.5);
}

/* ---- configuration ---- */

static void read_drive(Curve *c, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = mmap(NULL, DRIVEN_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    c->drive = map == MAP_FAILED ? NULL : map;
    if (fd >= 0) close(fd);
}

static void read_curve(Curve *c, char *words) {
    static const char *const kinds[] = {"constant", "square", "sine", "driven", "steps"};
    char *rest, *word = strtok_r(words, " \n", &rest);
    for (c->kind = CONSTANT; c->kind < STEPS && strcmp(word, kinds[c->kind]); c->kind++) {}
    if (c->kind == STEPS) c->steps = atoi(strtok_r(NULL, " \n", &rest));
    for (int i = 0; (word = strtok_r(NULL, " \n", &rest)); i++) {
        if (c->kind == DRIVEN && i == 1) read_drive(c, word);
        else if (c->kind != STEPS && i < 5) c->p[i] = strtod(word, NULL);
        if (c->kind == STEPS && i / 2 < MAX_STEPS)
            (i % 2 ? c->level_w : c->start_s)[i / 2] = strtod(word, NULL);
    }
}

static void read_sensor(Device *d, const char *words) {
    char kind[16] = "";
    long long refresh_ns = 0, window_ns = 0;
    sscanf(words, "%15s %lld %lld", kind, &refresh_ns, &window_ns);
    d->sensor = !strcmp(kind, "instant") ? INSTANT : !strcmp(kind, "boxcar") ? BOXCAR : PARTTIME;
    d->power_refresh_ns = refresh_ns;
    d->window_ns = window_ns;
}

static void read_energy(Device *d, const char *words) {
    long long refresh_ns = 0, start_mj = 0;
    sscanf(words, "%d %lld %lld", &d->energy, &refresh_ns, &start_mj);
    d->energy_refresh_ns = refresh_ns;
    d->start_mj = start_mj;
}

static void add_mig(Device *d, const char *uuid) {
    Device *m = &migs[d->index][d->migs];
    *m = *d;
    m->parent = d;
    m->index = d->migs++;
    snprintf(m->uuid, TEXT, "%s", uuid);
    snprintf(m->name, TEXT, "%.70s MIG 1g.5gb", d->name);
    m->memory_mib = d->memory_mib / 8;
}

static void read_fault(Device *d, const char *words) {
    if (d->fault_count >= MAX_FAULTS) return;
    Fault *f = &d->faults[d->fault_count++];
    sscanf(words, "%95s %d %llu %lf %lf", f->call, &f->error, &f->value, &f->begin_s, &f->end_s);
}

static void read_device_line(Device *d, const char *key, char *value) {
    if (!strcmp(key, "uuid")) snprintf(d->uuid, TEXT, "%s", value);
    else if (!strcmp(key, "name")) snprintf(d->name, TEXT, "%s", value);
    else if (!strcmp(key, "curve")) read_curve(&d->curve, value);
    else if (!strcmp(key, "energy")) read_energy(d, value);
    else if (!strcmp(key, "power")) read_sensor(d, value);
    else if (!strcmp(key, "latency_s")) d->latency_s = strtod(value, NULL);
    else if (!strcmp(key, "lost_s")) d->lost_s = strtod(value, NULL);
    else if (!strcmp(key, "reset_s")) d->reset_s = strtod(value, NULL);
    else if (!strcmp(key, "arch")) d->arch = atoi(value);
    else if (!strcmp(key, "power_limit_mw")) d->power_limit_mw = atoi(value);
    else if (!strcmp(key, "memory_mib")) d->memory_mib = atoi(value);
    else if (!strcmp(key, "fault")) read_fault(d, value);
    else if (!strcmp(key, "mig")) d->mig_mode = 1;
    else if (!strcmp(key, "mig_uuid") && d->migs < MAX_MIG) add_mig(d, value);
}

static void read_line(Device **current, char *line) {
    line[strcspn(line, "\n")] = 0;
    char *value = strchr(line, ' ');
    if (value) *value++ = 0;
    if (!strcmp(line, "device") && device_count < MAX_DEVICES) {
        *current = &devices[device_count];
        memset(*current, 0, sizeof **current);
        (*current)->index = device_count++;
    } else if (!strcmp(line, "end")) *current = NULL;
    else if (!value) return;
    else if (*current) read_device_line(*current, line, value);
    else if (!strcmp(line, "t0_ns")) t0_ns = strtoll(value, NULL, 10);
    else if (!strcmp(line, "init_error")) init_error = atoi(value);
    else if (!strcmp(line, "calls")) calls_fd = open(value, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int load(void) {
    const char *path = getenv("FAKE_NVML_CONFIG");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return DRIVER_NOT_LOADED;
    char line[16384];
    Device *current = NULL;
    device_count = 0;
    while (fgets(line, sizeof line, file)) read_line(&current, line);
    fclose(file);
    return init_error;
}

/* ---- what every call begins with ---- */

/* The fault of a function now, if any; nvmlX stands for nvmlX_v2 as well. */
static const Fault *fault_now(const Device *d, const char *function) {
    double at_s = now_ns() / 1e9;
    for (int i = 0; i < d->fault_count; i++) {
        const Fault *f = &d->faults[i];
        size_t length = strlen(f->call);
        if (strncmp(function, f->call, length)) continue;
        if (function[length] && function[length] != '_') continue;
        if (f->begin_s <= at_s && at_s < f->end_s) return f;
    }
    return NULL;
}

static unsigned long long faked(const Device *d, const char *function, unsigned long long truth) {
    const Fault *fault = fault_now(d, function);
    return fault ? fault->value : truth;
}

static int enter(const Device *d, const char *function) {
    if (!references) return UNINITIALIZED;
    if (!d) return INVALID_ARGUMENT;
    if (calls_fd >= 0) {
        char text[TEXT + 64];
        long long at_ns = monotonic_ns();
        int length = snprintf(text, sizeof text, "%lld %s %s\n", at_ns, d->uuid, function);
        if (write(calls_fd, text, length) < 0) return UNKNOWN;
    }
    if (d->latency_s > 0) {
        struct timespec wait = {(time_t)d->latency_s, (long)(fmod(d->latency_s, 1) * 1e9)};
        nanosleep(&wait, NULL);
    }
    const Fault *fault = fault_now(d, function);
    if (fault && fault->error) return fault->error;
    return now_ns() / 1e9 >= d->lost_s ? GPU_IS_LOST : OK;
}

#define ENTER(d) do { int entered = enter(d, __func__); if (entered) return entered; } while (0)
#define ENTER_WHOLE(d) do { ENTER(d); if ((d)->parent) return NOT_SUPPORTED; } while (0)

static int give_text(char *out, unsigned size, const char *text) {
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return OK;
}

/* ---- library ---- */

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    int result = references ? OK : load();
    if (!result) references++;
    pthread_mutex_unlock(&lock);
    return result;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlInit(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    int result = references ? OK : UNINITIALIZED;
    if (references && --references == 0 && calls_fd >= 0) {
        close(calls_fd);
        calls_fd = -1;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

const char *nvmlErrorString(int result) {
    switch (result) {
    case OK: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    case ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    return references ? give_text(out, size, "580.65.06") : UNINITIALIZED;
}

int nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    return references ? give_text(out, size, "13.580.65.06") : UNINITIALIZED;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 13000;
    return references ? OK : UNINITIALIZED;
}

/* ---- handles and names ---- */

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = device_count;
    return references ? OK : UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **out) {
    if (!references) return UNINITIALIZED;
    if (index >= (unsigned)device_count) return INVALID_ARGUMENT;
    ENTER(&devices[index]);
    *out = &devices[index];
    return OK;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, Device **out) {
    if (!references) return UNINITIALIZED;
    *out = NULL;
    for (int i = 0; i < device_count; i++) {
        if (!strcmp(devices[i].uuid, uuid)) *out = &devices[i];
        for (int m = 0; m < devices[i].migs; m++)
            if (!strcmp(migs[i][m].uuid, uuid)) *out = &migs[i][m];
    }
    if (!*out) return NOT_FOUND;
    ENTER(*out);
    return OK;
}

int nvmlDeviceGetUUID(Device *d, char *out, unsigned size) {
    ENTER(d);
    return give_text(out, size, d->uuid);
}

int nvmlDeviceGetName(Device *d, char *out, unsigned size) {
    ENTER(d);
    return give_text(out, size, d->name);
}

int nvmlDeviceGetIndex(Device *d, unsigned *out) {
    ENTER(d);
    *out = d->index;
    return OK;
}

int nvmlDeviceGetArchitecture(Device *d, unsigned *out) {
    ENTER(d);
    *out = d->arch;
    return OK;
}

int nvmlDeviceGetPciInfo_v3(Device *d, PciInfo *out) {
    ENTER(d);
    int bus = 0x17 + (d->parent ? d->parent->index : d->index);
    memset(out, 0, sizeof *out);
    out->bus = bus;
    out->pci_device = 0x20B010DE;
    snprintf(out->bus_id_legacy, sizeof out->bus_id_legacy, "0000:%02X:00.0", bus);
    snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", bus);
    return OK;
}

int nvmlDeviceGetPciInfo(Device *d, PciInfo *out) { return nvmlDeviceGetPciInfo_v3(d, out); }
int nvmlDeviceGetPciInfo_v2(Device *d, PciInfo *out) { return nvmlDeviceGetPciInfo_v3(d, out); }

/* ---- energy and power ---- */

int nvmlDeviceGetTotalEnergyConsumption(Device *d, unsigned long long *mj) {
    ENTER_WHOLE(d);
    if (!d->energy) return NOT_SUPPORTED;
    *mj = faked(d, __func__, shown_mj(d));
    return OK;
}

int nvmlDeviceGetPowerUsage(Device *d, unsigned *mw) {
    ENTER_WHOLE(d);
    if (!d->sensor) return NOT_SUPPORTED;
    *mw = (unsigned)faked(d, __func__, shown_mw(d));
    return OK;
}

static void read_field(const Device *d, FieldValue *f) {
    f->timestamp_us = monotonic_ns() / 1000;
    f->latency_us = 0;
    f->result = OK;
    f->value_type = 1;
    if (d->parent) f->result = NOT_SUPPORTED;
    else if (f->field == FIELD_ENERGY && d->energy) {
        f->value_type = 3;
        f->value.ull = shown_mj(d);
    } else if (f->field == FIELD_POWER_AVERAGE && d->sensor == BOXCAR) f->value.u = shown_mw(d);
    else if (f->field == FIELD_POWER_INSTANT && (d->sensor == BOXCAR || d->sensor == INSTANT))
        f->value.u = instant_mw(d);
    else f->result = NOT_SUPPORTED;
}

int nvmlDeviceGetFieldValues(Device *d, int count, FieldValue *fields) {
    ENTER(d);
    for (int i = 0; i < count; i++) read_field(d, &fields[i]);
    return OK;
}

int nvmlDeviceGetEnforcedPowerLimit(Device *d, unsigned *mw) {
    ENTER_WHOLE(d);
    *mw = d->power_limit_mw;
    return OK;
}

int nvmlDeviceGetPowerManagementLimitConstraints(Device *d, unsigned *least_mw, unsigned *most_mw) {
    ENTER_WHOLE(d);
    *least_mw = d->power_limit_mw / 4;
    *most_mw = d->power_limit_mw;
    return OK;
}

int nvmlDeviceGetPowerManagementLimit(Device *d, unsigned *mw) {
    ENTER_WHOLE(d);
    *mw = d->power_limit_mw;
    return OK;
}

/* ---- the rest of a dashboard ---- */

int nvmlDeviceGetUtilizationRates(Device *d, Utilization *out) {
    ENTER_WHOLE(d);
    double share = power_w(&d->curve, now_ns() / 1e9) * 1e3 / fmax(1, d->power_limit_mw);
    out->gpu = (unsigned)faked(d, __func__, (unsigned)fmin(100, share * 100));
    out->memory = out->gpu / 2;
    return OK;
}

static unsigned long long used_bytes(const Device *d) {
    return ((unsigned long long)d->memory_mib << 20) / 4;
}

int nvmlDeviceGetMemoryInfo(Device *d, Memory *out) {
    ENTER(d);
    out->total = (unsigned long long)d->memory_mib << 20;
    out->used = faked(d, __func__, used_bytes(d));
    out->free = out->total - out->used;
    return OK;
}

int nvmlDeviceGetMemoryInfo_v2(Device *d, MemoryV2 *out) {
    ENTER(d);
    if (out->version != (sizeof *out | 2u << 24)) return ARGUMENT_VERSION_MISMATCH;
    out->total = (unsigned long long)d->memory_mib << 20;
    out->reserved = 512ull << 20;
    out->used = used_bytes(d);
    out->free = out->total - out->used - out->reserved;
    return OK;
}

int nvmlDeviceGetTemperature(Device *d, int sensor, unsigned *celsius) {
    ENTER_WHOLE(d);
    if (sensor) return INVALID_ARGUMENT;
    *celsius = (unsigned)faked(d, __func__, 45 + d->index);
    return OK;
}

int nvmlDeviceGetTemperatureV(Device *d, TemperatureV1 *out) {
    ENTER_WHOLE(d);
    if (out->version != (sizeof *out | 1u << 24)) return ARGUMENT_VERSION_MISMATCH;
    out->temperature = 45 + d->index;
    return OK;
}

int nvmlDeviceGetClockInfo(Device *d, int clock, unsigned *mhz) {
    static const unsigned clocks_mhz[] = {1410, 1410, 1215, 1275};
    ENTER_WHOLE(d);
    if (clock < 0 || clock > 3) return INVALID_ARGUMENT;
    *mhz = (unsigned)faked(d, __func__, clocks_mhz[clock]);
    return OK;
}

int nvmlDeviceGetMaxClockInfo(Device *d, int clock, unsigned *mhz) {
    return nvmlDeviceGetClockInfo(d, clock, mhz);
}

int nvmlDeviceGetCurrentClocksEventReasons(Device *d, unsigned long long *reasons) {
    ENTER_WHOLE(d);
    *reasons = (unsigned long long)faked(d, __func__, 0);
    return OK;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(Device *d, unsigned long long *reasons) {
    return nvmlDeviceGetCurrentClocksEventReasons(d, reasons);
}

int nvmlDeviceGetPerformanceState(Device *d, int *state) {
    ENTER_WHOLE(d);
    *state = 0;
    return OK;
}

/* ---- processes: lines of `index pid sm_pct memory_mib` in FAKE_NVML_CONFIG.processes ---- */

static int read_processes(const Device *d, Process *found) {
    char path[4096];
    int count = 0, index, memory_mib;
    snprintf(path, sizeof path, "%s.processes", getenv("FAKE_NVML_CONFIG"));
    FILE *file = fopen(path, "r");
    Process p;
    while (file && fscanf(file, "%d %u %u %d", &index, &p.pid, &p.sm_pct, &memory_mib) == 4) {
        p.memory_bytes = memory_mib < 0 ? ~0ull : (unsigned long long)memory_mib << 20;
        if (index == d->index && count < MAX_PROCESSES && !kill((pid_t)p.pid, 0))
            found[count++] = p;
    }
    if (file) fclose(file);
    return count;
}

int nvmlDeviceGetProcessUtilization(
    Device *d, ProcessSample *out, unsigned *size, unsigned long long since_us
) {
    ENTER_WHOLE(d);
    if (d->mig_mode) return NOT_SUPPORTED;
    Process found[MAX_PROCESSES];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t at_us = floor_ns((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, 200000000) / 1000;
    unsigned count = 0;
    for (int i = 0, all = read_processes(d, found); i < all; i++)
        if (found[i].sm_pct && (unsigned long long)at_us > since_us) found[count++] = found[i];
    unsigned room = *size;
    *size = count;
    if (!count) return NOT_FOUND;
    if (!out || room < count) return INSUFFICIENT_SIZE;
    memset(out, 0, count * sizeof *out);
    for (unsigned i = 0; i < count; i++) {
        out[i].pid = found[i].pid;
        out[i].timestamp_us = at_us;
        out[i].sm_pct = found[i].sm_pct;
    }
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device *d, unsigned *size, ProcessInfo *out) {
    ENTER_WHOLE(d);
    Process found[MAX_PROCESSES];
    unsigned count = read_processes(d, found), room = *size;
    *size = count;
    if (!count) return OK;
    if (!out || room < count) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < count; i++)
        out[i] = (ProcessInfo){found[i].pid, found[i].memory_bytes, ~0u, ~0u};
    return OK;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *d, unsigned *size, ProcessInfo *out) {
    ENTER_WHOLE(d);
    (void)out;
    *size = 0;
    return OK;
}

/* ---- MIG ---- */

int nvmlDeviceGetMigMode(Device *d, unsigned *current, unsigned *pending) {
    ENTER_WHOLE(d);
    if (d->arch < 7) return NOT_SUPPORTED;
    *current = *pending = d->mig_mode;
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(Device *d, unsigned *count) {
    ENTER_WHOLE(d);
    *count = d->arch < 7 ? 0 : MAX_MIG;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device *d, unsigned index, Device **out) {
    ENTER_WHOLE(d);
    if (!d->mig_mode) return NOT_SUPPORTED;
    if (index >= (unsigned)d->migs) return NOT_FOUND;
    *out = &migs[d->index][index];
    return OK;
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device *m, Device **out) {
    ENTER(m);
    if (!m->parent) return INVALID_ARGUMENT;
    *out = m->parent;
    return OK;
}

int nvmlDeviceIsMigDeviceHandle(Device *d, unsigned *is_mig) {
    ENTER(d);
    *is_mig = d->parent != NULL;
    return OK;
}

int nvmlDeviceGetGpuInstanceId(Device *m, unsigned *id) {
    ENTER(m);
    if (!m->parent) return NOT_SUPPORTED;
    *id = m->index + 1;
    return OK;
}

int nvmlDeviceGetComputeInstanceId(Device *m, unsigned *id) {
    ENTER(m);
    if (!m->parent) return NOT_SUPPORTED;
    *id = 0;
    return OK;
}

/* What the emulated libcudart.so.13 exports beyond the CUDA runtime: for tests that look at what
   was found and counted, and for libraries (libcublasLt) that run on its streams. A program finds
   them with dlsym(RTLD_DEFAULT, ...), so that it also links with the real runtime. */
#ifndef EMULATOR_EXTENSION_H
#define EMULATOR_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The reports so far. Executes nothing: synchronize first. */
int emulatorReportCount(void);
/* The text of a report, valid until emulatorReset; "" past the last. */
const char* emulatorReportText(int index);
/* A report's fault, "out of bounds" for instance. */
const char* emulatorReportFault(int index);
/* The counters as JSON (README.md has the keys); valid until the next call of it. */
const char* emulatorCounters(void);
/* Host time that calls of the runtime have taken since the program began, in ns: what a program's
   own time is without them. */
uint64_t emulatorHostTime(void);
/* Forgets reports, counters and what was refused (a test that asks on purpose for what is not
   emulated ends with this); and the error that is left of a fault, which on a real device only
   a new process forgets. Waits for nothing. */
void emulatorReset(void);
/* The n-th call from now (from 1) of the function with this name fails with this cudaError_t, or
   cublasStatus_t; n = 0 takes it back. The names are those of the runtime, "cudaMalloc", and of
   cuBLASLt, "cublasLtMatmul"; "kernel" fails the n-th kernel as it is executed. Other names: 1,
   else 0. */
int emulatorFailCall(const char* function, int n, int error);
/* The seed from now on (TENDON_EMULATOR_SEED), and whether blocks run in a random order. */
void emulatorSetSeed(uint64_t seed, int random_blocks);

/* For libraries: work on a stream, captured into a graph if the stream is being captured. `run` is
   called when the work is executed, with `data`; `release` once when it will not run again, also
   where this fails. Gives a cudaError_t. `stream` is a cudaStream_t. */
int emulatorEnqueue(void* stream, const char* name, void (*run)(void* data),
                    void (*release)(void* data), void* data);
/* Inside `run`: where the bytes of a device address lie, checked and recorded as an access of the
   work that runs; null where they may not be touched (the report is made). */
const void* emulatorRead(const void* device, size_t bytes);
void* emulatorWrite(void* device, size_t bytes);
/* Counts a call of a library's function: the error that it is to fail with, or 0. Not inside `run`.
 */
int emulatorCountCall(const char* function);
/* For libraries: what one does where it first needs a kernel, load a module. Refused where
   cudaMalloc is, inside of captures that are not relaxed, and spoils them. Gives a cudaError_t. */
int emulatorLoadModule(void);
/* From now on, called as each call of a library's function begins, on its thread, which may call
   the runtime there; null takes it back. */
void emulatorOnLibraryCall(void (*called)(const char* function, void* data), void* data);
/* Notes that the program asked for what is not emulated, "cublasLtCreate2: not emulated": the exit
   status becomes that of a report (emulatorReset takes it back). */
void emulatorRefuse(const char* what);
/* Whether a pointer is memory of a device (and of which), for checks of arguments; -1 where not. */
int emulatorDeviceOf(const void* pointer);

#ifdef __cplusplus
}
#endif
#endif

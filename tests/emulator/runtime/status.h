// What tendon-emulate is told of the processes of a run, whichever way they end: a folder, named in
// TENDON_EMULATOR_STATUS, with a file "loaded", and one for each process in which something was
// found.
#pragma once

namespace emulator {

void note_found();    // in this process
void forget_found();  // a test provoked it

}  // namespace emulator

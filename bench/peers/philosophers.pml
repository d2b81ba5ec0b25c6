/* N philosophers, for ever; with ORDERED the last one takes the smaller fork first. */
bool taken[N];

active [N] proctype philosopher() {
  byte first = _pid, second = (_pid + 1) % N;
#if ORDERED
  d_step { if :: _pid == N - 1 -> first = 0; second = N - 1 :: else fi };
#endif

  do
  :: atomic { !taken[first] -> taken[first] = true };
     atomic { !taken[second] -> taken[second] = true };
     skip; /* eats */
     atomic { taken[second] = false; taken[first] = false }
  od
}

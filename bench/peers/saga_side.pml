/* K steps side by side; the first that fails cancels those that run, then what is done is undone. */
byte running = 0;
bool done[K];
bool failed = false;

proctype step(byte k) {
  if
  :: atomic { !failed -> done[k] = true; running-- }
  :: atomic { !failed -> failed = true; running-- }
  :: atomic { failed -> running-- } /* cancelled */
  fi
}

active proctype saga() {
  byte i;
  atomic { i = 0; do :: i < K -> running++; run step(i); i++ :: else -> break od; i = 0 };
  running == 0 || failed;
  if
  :: !failed -> goto over
  :: else
  fi;
  running == 0;
  do
  :: i < K -> atomic { done[i] = false; i++ }
  :: else -> break
  od;
  i = 0;
  d_step { do :: i < K -> assert(!done[i]); i++ :: else -> break od };
over: skip
}

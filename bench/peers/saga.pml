/* K steps, each of which may fail; what was done is undone, the latest first. */
bool done[K];
byte at = 0;

active proctype saga() {
  byte i;
  do
  :: at == K -> break
  :: at < K -> skip; /* the step runs */
    if
    :: atomic { done[at] = true; at++ }
    :: goto undo
    fi
  od;
  goto over;
undo:
  do
  :: at == 0 -> break
  :: at > 0 -> atomic { at--; done[at] = false }
  od;
  i = 0;
  d_step { do :: i < K -> assert(!done[i]); i++ :: else -> break od };
over: skip
}

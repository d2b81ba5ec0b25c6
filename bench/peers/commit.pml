/* Two-phase commit of N participants; the coordinator may lose patience. */
mtype = { none, commit, abort };
mtype decision = none;
byte yes = 0, no = 0, committed = 0, aborted = 0;
#define AGREE assert(!(committed > 0 && aborted > 0))

active proctype coordinator() {
  if
  :: atomic { yes == N -> decision = commit }
  :: atomic { no > 0 -> decision = abort }
  :: decision = abort /* late */
  fi
}

active [N] proctype participant() {
  if
  :: skip -> yes++ /* votes, then tells */
  :: skip -> atomic { no++; aborted++; AGREE }; goto done
  fi;
  decision != none;
  if
  :: decision == commit -> atomic { committed++; AGREE }
  :: else -> atomic { aborted++; AGREE }
  fi;
done: skip
}

/* N readers and N writers, for ever. */
byte readers = 0, writers = 0;

active [N] proctype reader() {
  do
  :: atomic { writers == 0 -> readers++ };
     assert(writers == 0);
     atomic { readers-- }
  od
}

active [N] proctype writer() {
  do
  :: atomic { readers == 0 && writers == 0 -> writers++ };
     assert(readers == 0 && writers == 1);
     atomic { writers-- }
  od
}

/* N workers: 1 of resource a (3 units), then 1 of b (2 units), then release both. */
byte a = 0, b = 0;

active [N] proctype worker() {
  atomic { a < 3 -> a++; assert(a <= 3) };
  atomic { b < 2 -> b++; assert(b <= 2) };
  skip; /* at work */
  atomic { b--; a-- }
}

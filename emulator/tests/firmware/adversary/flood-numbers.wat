;; Publishes numbers without an end, under more names than there are, none of them a number.
(module
  (import "drydock" "metric_batch" (func $batch (param i32 i32 i32 i32 i32)))
  (import "drydock" "metric" (func $metric (param i32 i32 f64)))
  (memory (export "memory") 1024 (pagesize 1))
  (func (export "init") (local $n i32)
    (memory.fill (i32.const 16) (i32.const 0xFF) (i32.const 800))
    (loop $again
      (i32.store (i32.const 0) (i32.add (i32.const 0x21212121) (i32.and (local.get $n) (i32.const 0x1F))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (call $batch (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 200) (i32.const -1))
      (call $metric (i32.const 0) (i32.const 4) (f64.const nan))
      (br $again))))

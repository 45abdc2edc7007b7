;; Counts its ticks and logs each count as a digit: the smallest app in WebAssembly text.
(module
  (import "drydock" "log" (func $log (param i32 i32 i32)))
  (import "drydock" "tick_every" (func $tick_every (param i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "count 0")
  (global $count (mut i32) (i32.const 0))

  (func (export "init")
    (call $tick_every (i32.const 200)))

  (func (export "tick")
    ;; the digit stands at 6
    (i32.store8 (i32.const 6) (i32.add (i32.const 48) (i32.rem_u (global.get $count) (i32.const 10))))
    (call $log (i32.const 2) (i32.const 0) (i32.const 7))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))))

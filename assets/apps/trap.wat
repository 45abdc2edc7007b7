;; A bad app: its third tick executes `unreachable`. The board ends it with `trap`.
(module
  (import "drydock" "log" (func $log (param i32 i32 i32)))
  (import "drydock" "tick_every" (func $tick_every (param i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "still well")
  (global $ticks (mut i32) (i32.const 0))

  (func (export "init")
    (call $tick_every (i32.const 100)))

  (func (export "tick")
    (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))
    (if (i32.eq (global.get $ticks) (i32.const 3)) (then (unreachable)))
    (call $log (i32.const 2) (i32.const 0) (i32.const 10))))

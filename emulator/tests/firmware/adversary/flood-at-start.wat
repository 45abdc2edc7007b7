;; Writes a million line ends before its first tick, and in each tick, and returns.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "drydock" "tick_every" (func $every (param i32)))
  (memory (export "memory") 4096 (pagesize 1))

  ;; 250 vectors, each of which shows the same 2,040 line ends
  (func $fill (local $i i32)
    (memory.fill (i32.const 2048) (i32.const 10) (i32.const 2040))
    (loop $next
      (i32.store (i32.mul (local.get $i) (i32.const 8)) (i32.const 2048))
      (i32.store offset=4 (i32.mul (local.get $i) (i32.const 8)) (i32.const 2040))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 250)))))
  (func $flood (drop (call $write (i32.const 1) (i32.const 0) (i32.const 250) (i32.const 4092))))

  (func (export "init") (call $fill) (call $flood) (call $flood) (call $every (i32.const 1)))
  (func (export "tick") (call $flood) (call $flood)))

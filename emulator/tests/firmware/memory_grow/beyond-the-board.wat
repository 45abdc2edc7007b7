;; Declares no maximum and asks for more than the board has: it gets -1 and goes on. Then for what the board has.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 64 (pagesize 1))
  (func $check (param i32 i32) (if (i32.eqz (local.get 0)) (then (call $exit (local.get 1)))))
  (func (export "_start")
    (call $check (i32.eq (memory.grow (i32.const 1000000)) (i32.const -1)) (i32.const 1))
    (call $check (i32.eq (memory.size) (i32.const 64)) (i32.const 2))
    (call $check (i32.eq (memory.grow (i32.const 40000)) (i32.const 64)) (i32.const 3))
    (i32.store (i32.const 40060) (i32.const 7))
    (call $check (i32.eq (i32.load (i32.const 40060)) (i32.const 7)) (i32.const 4))
    (call $check (i32.eq (memory.grow (i32.const 200000)) (i32.const -1)) (i32.const 5))
    (call $check (i32.eq (memory.size) (i32.const 40064)) (i32.const 6))))

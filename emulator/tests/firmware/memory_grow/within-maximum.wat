;; Grows up to its declared maximum; beyond that it gets -1 and goes on. Exits with the number of the step that went wrong.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 64 128 (pagesize 1))
  (func $check (param i32 i32) (if (i32.eqz (local.get 0)) (then (call $exit (local.get 1)))))
  (func (export "_start")
    (call $check (i32.eq (memory.grow (i32.const 0)) (i32.const 64)) (i32.const 1))
    (call $check (i32.eq (memory.grow (i32.const 64)) (i32.const 64)) (i32.const 2))
    (call $check (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (i32.const 3))
    (call $check (i32.eq (memory.grow (i32.const -1)) (i32.const -1)) (i32.const 4))
    (call $check (i32.eq (memory.size) (i32.const 128)) (i32.const 5))))

;; Takes random bytes without end: first more than a call gives, then as many.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 4096 (pagesize 1))
  (func (export "tick")
    (loop $again
      (drop (call $random (i32.const 0) (i32.const 4096)))
      (drop (call $random (i32.const 0) (i32.const 256)))
      (br $again))))

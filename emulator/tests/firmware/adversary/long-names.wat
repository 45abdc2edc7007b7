;; Reports a value whose name is all of its memory, without end.
(module
  (import "drydock" "metric" (func $metric (param i32 i32 f64)))
  (memory (export "memory") 8000 (pagesize 1))
  (func (export "tick")
    (memory.fill (i32.const 0) (i32.const 97) (i32.const 8000))
    (loop $again
      (call $metric (i32.const 0) (i32.const 8000) (f64.const 1))
      (br $again))))

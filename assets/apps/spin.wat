;; A bad app: its first tick never returns. The board ends it with `execution-limit`.
(module
  (import "drydock" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "spinning")

  (func (export "tick")
    (call $log (i32.const 2) (i32.const 0) (i32.const 8))
    (loop $forever (br $forever))))

;; A bad app: drives a pin that it was not granted. The board ends it with `capability-denied`.
(module
  (import "drydock" "log" (func $log (param i32 i32 i32)))
  (import "drydock" "gpio_write" (func $gpio_write (param i32 i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "reaching for P0.07")

  (func (export "tick")
    (call $log (i32.const 2) (i32.const 0) (i32.const 18))
    (call $gpio_write (i32.const 7) (i32.const 1))))

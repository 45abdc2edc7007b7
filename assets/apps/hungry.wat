;; A bad app: grows its memory at each tick and traps when it gets no more. Its manifest allows 8 KiB; the board ends it
;; with `memory-limit`.
(module
  (import "drydock" "log" (func $log (param i32 i32 i32)))
  (import "drydock" "tick_every" (func $tick_every (param i32)))
  (memory (export "memory") 1024 (pagesize 1))
  (data (i32.const 0) "one more KiB, please")
  ;; {"limits": {"memory_bytes": 8192}}
  (@custom "drydock" "\a1\66limits\a1\6cmemory_bytes\19\20\00")

  (func (export "init")
    (call $tick_every (i32.const 50)))

  (func (export "tick")
    (call $log (i32.const 2) (i32.const 0) (i32.const 20))
    (if (i32.eq (memory.grow (i32.const 1024)) (i32.const -1)) (then (unreachable)))))

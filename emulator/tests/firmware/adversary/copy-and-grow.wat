;; Moves its memory to and fro and lets it grow byte by byte, without end.
(module
  (memory (export "memory") 8000 (pagesize 1))
  (func (export "tick")
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 7999))
      (br $again))))

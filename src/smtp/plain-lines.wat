;; Finds the end of the plain lines of a text, sixteen octets at a time. A line is plain that ends
;; with CRLF, has no other CR or LF in it, begins with neither a dot nor a NUL, and is no longer
;; than it may be. src/smtp/plain-lines.ts puts the octets into the memory, and reads the result.
(module
  ;; 128 KiB: what is read at once, and sixteen octets behind it.
  (memory (export "memory") 2)

  ;; The octets from `from`, where a line begins, to before `end`; `longest` counts a line without
  ;; its CRLF, and is sixteen at least. Gives the place behind the last plain line.
  (func (export "scan") (param $from i32) (param $end i32) (param $longest i32) (result i32)
    (local $octets v128)
    (local $at i32)    ;; the sixteen octets at hand
    (local $line i32)  ;; where the line at hand begins
    (local $cr i32) (local $lf i32)
    (local $bad i32)   ;; where something stands that no plain line has: one bit an octet
    (local $wasCr i32) ;; 1: the octet before them is a CR
    (local $begins i32) ;; 1: the first of them begins a line
    (local $left i32)
    (local.set $at (local.get $from))
    (local.set $line (local.get $from))
    (local.set $begins (i32.const 1))
    (block $stop
      (loop $next
        (br_if $stop (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $octets (v128.load (local.get $at)))
        (local.set $lf (i8x16.bitmask (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 10)))))
        (local.set $cr (i8x16.bitmask (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 13)))))
        ;; Behind each CR an LF, in front of each LF a CR; no dot and no NUL where a line begins.
        (local.set $bad
          (i32.and
            (i32.or
              (i32.xor
                (i32.or (i32.shl (local.get $cr) (i32.const 1)) (local.get $wasCr))
                (local.get $lf))
              (i32.and
                (i32.or (i32.shl (local.get $lf) (i32.const 1)) (local.get $begins))
                (i8x16.bitmask
                  (v128.or
                    (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 46)))
                    (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 0)))))))
            (i32.const 0xffff)))
        (local.set $left (i32.sub (local.get $end) (local.get $at)))
        (if (i32.lt_u (local.get $left) (i32.const 16))
          (then
            ;; What stands behind the end is of no text.
            (local.set $left (i32.sub (i32.shl (i32.const 1) (local.get $left)) (i32.const 1)))
            (local.set $lf (i32.and (local.get $lf) (local.get $left)))
            (local.set $bad (i32.and (local.get $bad) (local.get $left)))))
        (if (local.get $bad)
          (then
            ;; The ends of lines in front of the first of these.
            (local.set $lf
              (i32.and (local.get $lf)
                (i32.sub
                  (i32.and (local.get $bad) (i32.sub (i32.const 0) (local.get $bad)))
                  (i32.const 1))))))
        (if (local.get $lf)
          (then
            ;; Only the first line that ends here can be too long: the others lie within sixteen octets.
            (br_if $stop
              (i32.gt_s
                (i32.sub
                  (i32.sub
                    (i32.add (local.get $at) (i32.ctz (local.get $lf)))
                    (local.get $line))
                  (i32.const 1))
                (local.get $longest)))
            (local.set $line
              (i32.sub
                (i32.add (local.get $at) (i32.const 32))
                (i32.clz (local.get $lf))))))
        (br_if $stop (local.get $bad))
        (local.set $wasCr (i32.shr_u (local.get $cr) (i32.const 15)))
        (local.set $begins (i32.shr_u (local.get $lf) (i32.const 15)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (local.get $line)))

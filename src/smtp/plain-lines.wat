;; Finds the end of the plain lines of a text, 64 octets at a time where there is nothing to look at
;; but a few ends of lines, else sixteen. A line is plain that ends with CRLF, has no other CR or LF
;; in it, begins with neither a dot nor a NUL, and is no longer than it may be.
;; src/smtp/plain-lines.ts puts the octets into the memory, from 16 on, and reads the result.
(module
  ;; 128 KiB: an octet in front, what is read at once, and sixteen octets behind it.
  (memory (export "memory") 2)

  ;; The octets from `from`, where a line begins, to before `end`; `longest` counts a line without
  ;; its CRLF, and is sixteen at least. Gives the place behind the last plain line. Writes over the
  ;; octet in front of `from`.
  (func (export "scan") (param $from i32) (param $end i32) (param $longest i32) (result i32)
    (local $octets v128)
    (local $ends v128)  ;; where an LF is
    (local $odd v128)   ;; an LF without a CR in front of it, or a CR without an LF behind it
    (local $lfs i64) (local $left64 i64) ;; the LFs of 64 octets, and those not looked behind yet
    (local $first i32)
    (local $at i32)     ;; the octets at hand
    (local $until i32)  ;; to here sixteen at a time
    (local $line i32)   ;; where the line at hand begins
    (local $cr i32) (local $lf i32)
    (local $bad i32)    ;; where something stands that no plain line has: one bit an octet
    (local $wasCr i32)  ;; 1: the octet before them is a CR
    (local $begins i32) ;; 1: the first of them begins a line
    (local $left i32)
    (local.set $at (local.get $from))
    (local.set $line (local.get $from))
    ;; Whatever stood there: a line begins behind it.
    (i32.store8 offset=15 (local.get $from) (i32.const 10))
    (block $stop
      (loop $again
        (br_if $stop (i32.ge_u (local.get $at) (local.get $end)))
        (block $sixteen
          ;; Then only the first line that ends in 64 octets can be too long.
          (br_if $sixteen (i32.lt_u (local.get $longest) (i32.const 64)))
          (if (i32.eq (i32.load8_u offset=15 (local.get $at)) (i32.const 10))
            (then
              (local.set $first (i32.load8_u offset=16 (local.get $at)))
              (br_if $sixteen (i32.eqz (local.get $first)))
              (br_if $sixteen (i32.eq (local.get $first) (i32.const 46)))))
          (loop $next
            (br_if $sixteen
              (i32.gt_u (i32.add (local.get $at) (i32.const 64)) (local.get $end)))
            (local.set $ends
              (i8x16.eq (v128.load offset=16 (local.get $at)) (i8x16.splat (i32.const 10))))
            (local.set $odd
              (v128.xor (local.get $ends)
                (i8x16.eq (v128.load offset=15 (local.get $at)) (i8x16.splat (i32.const 13)))))
            (local.set $lf (i8x16.bitmask (local.get $ends)))
            (local.set $ends
              (i8x16.eq (v128.load offset=32 (local.get $at)) (i8x16.splat (i32.const 10))))
            (local.set $odd
              (v128.or (local.get $odd)
                (v128.xor (local.get $ends)
                  (i8x16.eq (v128.load offset=31 (local.get $at)) (i8x16.splat (i32.const 13))))))
            (local.set $lf
              (i32.or (local.get $lf)
                (i32.shl (i8x16.bitmask (local.get $ends)) (i32.const 16))))
            (local.set $lfs (i64.extend_i32_u (local.get $lf)))
            (local.set $ends
              (i8x16.eq (v128.load offset=48 (local.get $at)) (i8x16.splat (i32.const 10))))
            (local.set $odd
              (v128.or (local.get $odd)
                (v128.xor (local.get $ends)
                  (i8x16.eq (v128.load offset=47 (local.get $at)) (i8x16.splat (i32.const 13))))))
            (local.set $lf (i8x16.bitmask (local.get $ends)))
            (local.set $ends
              (i8x16.eq (v128.load offset=64 (local.get $at)) (i8x16.splat (i32.const 10))))
            (local.set $odd
              (v128.or (local.get $odd)
                (v128.xor (local.get $ends)
                  (i8x16.eq (v128.load offset=63 (local.get $at)) (i8x16.splat (i32.const 13))))))
            (local.set $lf
              (i32.or (local.get $lf)
                (i32.shl (i8x16.bitmask (local.get $ends)) (i32.const 16))))
            (br_if $sixteen (v128.any_true (local.get $odd)))
            (local.set $lfs
              (i64.or (local.get $lfs)
                (i64.shl (i64.extend_i32_u (local.get $lf)) (i64.const 32))))
            (if (i64.ne (local.get $lfs) (i64.const 0))
              (then
                ;; Many short lines are as quick sixteen octets at a time.
                (br_if $sixteen (i64.gt_u (i64.popcnt (local.get $lfs)) (i64.const 6)))
                (br_if $stop
                  (i32.gt_s
                    (i32.sub
                      (i32.sub
                        (i32.add
                          (local.get $at)
                          (i32.wrap_i64 (i64.ctz (local.get $lfs))))
                        (local.get $line))
                      (i32.const 1))
                    (local.get $longest)))
                (local.set $left64 (local.get $lfs))
                (loop $ended
                  ;; What stands behind the end of the text may be anything: sixteen at a time it
                  ;; does not count.
                  (local.set $first
                    (i32.load8_u offset=17
                      (i32.add
                        (local.get $at)
                        (i32.wrap_i64 (i64.ctz (local.get $left64))))))
                  (br_if $sixteen (i32.eqz (local.get $first)))
                  (br_if $sixteen (i32.eq (local.get $first) (i32.const 46)))
                  (local.set $left64
                    (i64.and
                      (local.get $left64)
                      (i64.sub (local.get $left64) (i64.const 1))))
                  (br_if $ended (i64.ne (local.get $left64) (i64.const 0))))
                (local.set $line
                  (i32.sub
                    (i32.add (local.get $at) (i32.const 64))
                    (i32.wrap_i64 (i64.clz (local.get $lfs)))))))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br $next)))
        (local.set $wasCr (i32.eq (i32.load8_u offset=15 (local.get $at)) (i32.const 13)))
        (local.set $begins (i32.eq (i32.load8_u offset=15 (local.get $at)) (i32.const 10)))
        (local.set $until (i32.add (local.get $at) (i32.const 64)))
        (loop $next
          (br_if $stop (i32.ge_u (local.get $at) (local.get $end)))
          (local.set $octets (v128.load offset=16 (local.get $at)))
          (local.set $lf
            (i8x16.bitmask (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 10)))))
          (local.set $cr
            (i8x16.bitmask (i8x16.eq (local.get $octets) (i8x16.splat (i32.const 13)))))
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
              ;; Only the first line that ends here can be too long: the others lie within sixteen
              ;; octets.
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
          (br_if $next (i32.lt_u (local.get $at) (local.get $until))))
        (br $again)))
    (local.get $line)))

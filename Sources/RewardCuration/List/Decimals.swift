/// What reading decimal numbers takes: digits to an integer, and the integer with its decimal places to a double.
enum Decimals {
    /// Takes digits into `mantissa`, which wraps; eight at once where there are eight.
    static func take(
        _ next: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ mantissa: inout UInt64
    ) {
        while end - next >= 8 {
            var eight = UnsafeRawPointer(next).loadUnaligned(as: UInt64.self) ^ 0x3030_3030_3030_3030
            // A byte above 9 reaches the top bit, now or with 0x76 added; a carry only follows such a byte.
            guard ((eight &+ 0x7676_7676_7676_7676) | eight) & 0x8080_8080_8080_8080 == 0 else { break }
            // Neighbours become numbers of two, of four, then of eight digits.
            eight = (eight &* 2561) >> 8 & 0x00ff_00ff_00ff_00ff
            eight = (eight &* 6_553_601) >> 16 & 0x0000_ffff_0000_ffff
            mantissa = mantissa &* 100_000_000 &+ (eight &* 42_949_672_960_001) >> 32
            next += 8
        }
        while next < end, next.pointee &- 0x30 < 10 {
            mantissa = mantissa &* 10 &+ UInt64(next.pointee &- 0x30)
            next += 1
        }
    }

    /// `mantissa / 10^scale`, correctly rounded, for a mantissa above 2^53 and a scale up to 22: divided by 5^scale in
    /// integers, so that what is left over is known, then rounded to even once.
    static func quotient(_ mantissa: UInt64, _ scale: Int) -> Double {
        let divisor = powersOfFive[scale]
        let (up, divisorUp) = (mantissa.leadingZeroBitCount, divisor.leadingZeroBitCount)
        let (top, bottom) = (mantissa << UInt64(up), divisor << UInt64(divisorUp))
        // Halved, the dividend's high word is below the divisor, and the quotient has 63 or 64 bits.
        let (quotient, remainder) = bottom.dividingFullWidth((top >> 1, top << 63))
        let spare = 11 - quotient.leadingZeroBitCount
        let half: UInt64 = 1 << UInt64(spare - 1)
        let rest = quotient & (half * 2 - 1)
        var kept = quotient >> UInt64(spare)
        if rest > half || (rest == half && (remainder > 0 || kept & 1 == 1)) { kept += 1 }
        return Double(sign: .plus, exponent: spare - 63 - up + divisorUp - scale, significand: Double(kept))
    }

    // Written out and inline: the tables are data of the program, with nothing to make first.
    static let powersOfFive: InlineArray<23, UInt64> = [
        1, 5, 25, 125, 625, 3125, 15_625, 78_125, 390_625, 1_953_125, 9_765_625, 48_828_125, 244_140_625,
        1_220_703_125, 6_103_515_625, 30_517_578_125, 152_587_890_625, 762_939_453_125, 3_814_697_265_625,
        19_073_486_328_125, 95_367_431_640_625, 476_837_158_203_125, 2_384_185_791_015_625,
    ]

    static let powers: InlineArray<23, Double> = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
}

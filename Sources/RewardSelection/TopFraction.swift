/// Finds the value that cuts off the highest share of numbers too many to sort, by reading them four times.
public enum TopFraction {
    /// Everything above `key` is kept, and `ties` of those equal to it.
    public struct Cut: Sendable, Equatable {
        public var key: UInt64
        public var ties: Int
    }

    /// How many of `count` a fraction in (0, 1] keeps, rounded up.
    public static func kept(_ fraction: Double, of count: Int) -> Int {
        // What floating point adds to a product that should be whole must not round up.
        min(count, Int((fraction * Double(count) - 1e-9).rounded(.up)))
    }

    /// A key that sorts as the number does. The number is not NaN.
    public static func key(_ value: Double) -> UInt64 {
        // Zero plus itself makes -0 into 0: they are one value.
        let bits = (value + 0).bitPattern
        return bits >> 63 == 1 ? ~bits : bits | 1 << 63
    }

    /// Finds the cut that keeps the `count` highest keys; nil when it keeps none.
    ///
    /// - Parameter visit: calls its argument with every key, in any order; called four times.
    public static func cut(keeping count: Int, visit: ((UInt64) -> Void) throws -> Void) rethrows -> Cut? {
        guard count > 0 else { return nil }
        var (prefix, mask, left) = (UInt64(0), UInt64(0), count)
        for shift in stride(from: 48, through: 0, by: -16) {
            var counts = [Int](repeating: 0, count: 1 << 16)
            try visit { key in
                if key & mask == prefix { counts[Int(key >> UInt64(shift) & 0xffff)] += 1 }
            }
            var digit = 0xffff
            while digit > 0, counts[digit] < left {
                left -= counts[digit]
                digit -= 1
            }
            prefix |= UInt64(digit) << UInt64(shift)
            mask |= 0xffff << UInt64(shift)
        }
        return Cut(key: prefix, ties: left)
    }
}

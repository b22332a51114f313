import Glibc
import RewardSelection

/// Reads the usual shape of a list's line in one pass, without making a string.
///
/// It takes a strict part of JSON: one flat object of `prompt`, `image`, `group`, `scores`, and other keys with plain
/// values; strings without escapes, numbers in JSON's own spelling, no key twice. Anything else is nil, and the JSON
/// library's to judge. What it takes, the library reads the same way.
struct LineScanner {
    /// Places of a line's values, from the line's first byte.
    struct Fields {
        var prompt: Range<Int>?
        var image: Range<Int>?
        /// A string, or an integer's digits.
        var group: Range<Int>?
        var scores = ScoreVector(repeating: .nan)
    }

    private let base: UnsafePointer<UInt8>
    private let end: Int
    private var at = 0
    private var fields = Fields()
    private var seen: UInt8 = 0

    /// Scans `count` bytes; eight more behind them must be readable.
    static func scan(_ base: UnsafePointer<UInt8>, _ count: Int, _ ignored: inout IgnoredKeys) -> Fields? {
        var scanner = LineScanner(base: base, end: count)
        guard scanner.object(&ignored) else { return nil }
        scanner.skipSpace()
        return scanner.at == count ? scanner.fields : nil
    }

    private init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    private mutating func object(_ ignored: inout IgnoredKeys) -> Bool {
        guard open() else { return false }
        if close() { return true }
        repeat {
            guard let key = key() else { return false }
            let bit: UInt8
            let fits: Bool
            if matches(key, "prompt") {
                bit = 1
                fields.prompt = string()
                fits = fields.prompt != nil
            } else if matches(key, "image") {
                bit = 2
                fields.image = string()
                fits = fields.image != nil
            } else if matches(key, "group") {
                bit = 4
                fields.group = at < end && base[at] == 0x22 ? string() : digits()
                fits = fields.group != nil
            } else if matches(key, "scores") {
                bit = 8
                fits = scores(&ignored)
            } else {
                // A shard's place is for the library; a key in an unknown object is not looked at.
                if matches(key, "place") { return false }
                ignored.note(UnsafeRawBufferPointer(start: base + key.lowerBound, count: key.count))
                bit = 0
                fits = skipPlainValue()
            }
            guard fits, seen & bit == 0 else { return false }
            seen |= bit
            skipSpace()
        } while take(0x2c)
        return close()
    }

    private mutating func scores(_ ignored: inout IgnoredKeys) -> Bool {
        guard open() else { return false }
        if close() { return true }
        var seen: UInt8 = 0
        repeat {
            guard let key = key(), let value = number() else { return false }
            let index: Int
            if matches(key, "plausibility") {
                index = 0
            } else if matches(key, "alignment") {
                index = 1
            } else if matches(key, "aesthetics") {
                index = 2
            } else if matches(key, "overall") {
                index = 3
            } else {
                return false
            }
            guard seen & 1 << index == 0 else { return false }
            seen |= 1 << index
            fields.scores[index] = value
            skipSpace()
        } while take(0x2c)
        return close()
    }

    // MARK: tokens

    private mutating func skipSpace() {
        while at < end, base[at] == 0x20 || base[at] == 0x09 || base[at] == 0x0d { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < end, base[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func open() -> Bool {
        skipSpace()
        return take(0x7b)
    }

    private mutating func close() -> Bool {
        skipSpace()
        return take(0x7d)
    }

    /// A key and its colon; stops at the value.
    private mutating func key() -> Range<Int>? {
        skipSpace()
        guard let key = string() else { return nil }
        skipSpace()
        guard take(0x3a) else { return nil }
        skipSpace()
        return key
    }

    private func matches(_ key: Range<Int>, _ name: StaticString) -> Bool {
        key.count == name.utf8CodeUnitCount && memcmp(base + key.lowerBound, name.utf8Start, key.count) == 0
    }

    /// A string without escapes; valid UTF-8.
    private mutating func string() -> Range<Int>? {
        guard take(0x22) else { return nil }
        let start = at
        var high: UInt64 = 0
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while at < end {
            // Eight bytes at once: which are a quote, a backslash, or below a space?
            let word = UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5c)
            let stops =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word) & tops
            guard stops != 0 else {
                high |= word & tops
                at += 8
                continue
            }
            // The lowest mark is always true: a borrow can only make false ones above it.
            let length = stops.trailingZeroBitCount / 8
            high |= word & tops & ((1 << (length * 8)) &- 1)
            at += length
            guard at < end, base[at] == 0x22 else { return nil }
            let range = start..<at
            at += 1
            if high != 0 {
                let bytes = UnsafeBufferPointer(start: base + start, count: range.count)
                guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
            }
            return range
        }
        return nil
    }

    /// An integer without sign, of at most 18 digits.
    private mutating func digits() -> Range<Int>? {
        let start = at
        while at < end, base[at] &- 0x30 < 10 { at += 1 }
        guard at > start, at - start <= 18, base[start] != 0x30 || at - start == 1 else { return nil }
        if at < end, base[at] == 0x2e || base[at] | 0x20 == 0x65 { return nil }
        return start..<at
    }

    private mutating func number() -> Double? {
        let start = at
        let negative = take(0x2d)
        var mantissa: UInt64 = 0
        var scale = 0
        let whole = at
        while at < end, base[at] &- 0x30 < 10 {
            mantissa = mantissa &* 10 &+ UInt64(base[at] &- 0x30)
            at += 1
        }
        var figures = at - whole
        guard figures > 0, base[whole] != 0x30 || figures == 1 else { return nil }
        if take(0x2e) {
            let fraction = at
            while at < end, base[at] &- 0x30 < 10 {
                mantissa = mantissa &* 10 &+ UInt64(base[at] &- 0x30)
                at += 1
            }
            guard at > fraction else { return nil }
            scale = at - fraction
            figures += scale
        }
        let hasExponent = at < end && base[at] | 0x20 == 0x65
        // Both parts exact in a double: their quotient is correctly rounded.
        if !hasExponent, figures <= 18, mantissa <= 1 << 53, scale <= 22 {
            let value = Double(mantissa) / Self.powers[scale]
            return negative ? -value : value
        }
        if hasExponent {
            at += 1
            if at < end, base[at] == 0x2b || base[at] == 0x2d { at += 1 }
            let exponent = at
            while at < end, base[at] &- 0x30 < 10 { at += 1 }
            guard at > exponent else { return nil }
        }
        // A line ends with a byte that ends a number.
        let text = UnsafeRawPointer(base + start).assumingMemoryBound(to: CChar.self)
        let value = strtod(text, nil)
        // The library has its own word for what does not fit.
        return value.isFinite ? value : nil
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    private mutating func skipPlainValue() -> Bool {
        guard at < end else { return false }
        switch base[at] {
        case 0x22: return string() != nil
        case 0x74: return skip("true")
        case 0x66: return skip("false")
        case 0x6e: return skip("null")
        default: return number() != nil
        }
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        guard at + word.utf8CodeUnitCount <= end, memcmp(base + at, word.utf8Start, word.utf8CodeUnitCount) == 0 else {
            return false
        }
        at += word.utf8CodeUnitCount
        return true
    }
}

import Glibc
package import RewardSelection

/// Reads the usual shape of a list's line in one pass, without making a string.
///
/// It takes a strict part of JSON: one flat object of `prompt`, `image`, `group`, `scores`, and other keys with plain
/// values; strings without escapes, numbers in JSON's own spelling, no key twice. Anything else is nil, and the JSON
/// library's to judge. What it takes, the library reads the same way.
package struct LineScanner {
    /// Places of a line's values, from the line's first byte.
    package struct Fields {
        package var prompt: Range<Int>?
        package var image: Range<Int>?
        /// A string, or an integer's digits.
        package var group: Range<Int>?
        package var scores = ScoreVector(repeating: .nan)
    }

    /// What the last line held.
    package private(set) var fields = Fields()
    private var base: UnsafePointer<UInt8>
    private var end = 0
    private var at = 0
    private var seen: UInt8 = 0

    /// A scanner for many lines, one after another.
    package init() {
        base = ("" as StaticString).utf8Start
    }

    /// Scans `count` bytes into `fields`; eight more behind them must be readable. False for what it does not take.
    package mutating func scan(_ base: UnsafePointer<UInt8>, _ count: Int, _ ignored: inout IgnoredKeys) -> Bool {
        self.base = base
        (end, at, seen) = (count, 0, 0)
        fields.prompt = nil
        fields.image = nil
        fields.group = nil
        fields.scores = ScoreVector(repeating: .nan)
        guard object(&ignored) else { return false }
        skipSpace()
        return at == count
    }

    private mutating func object(_ ignored: inout IgnoredKeys) -> Bool {
        guard open() else { return false }
        if close() { return true }
        repeat {
            guard let key = key() else { return false }
            let bit: UInt8
            let fits: Bool
            switch Self.name(base, key) {
            case .prompt:
                bit = 1
                fields.prompt = string()
                fits = fields.prompt != nil
            case .image:
                bit = 2
                fields.image = string()
                fits = fields.image != nil
            case .group:
                bit = 4
                fields.group = at < end && base[at] == 0x22 ? string() : digits()
                fits = fields.group != nil
            case .scores:
                bit = 8
                fits = scores(&ignored)
            // A shard's place is for the library.
            case .place: return false
            default:
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
            switch Self.name(base, key) {
            case .plausibility: index = 0
            case .alignment: index = 1
            case .aesthetics: index = 2
            case .overall: index = 3
            default: return false
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

    private enum Name {
        case prompt, image, group, scores, place, plausibility, alignment, aesthetics, overall
    }

    /// Which of the known keys this is: told by its length, its first eight bytes and what is left of it.
    ///
    /// Static, because calling it as a method would copy the whole scanner for every key.
    private static func name(_ base: UnsafePointer<UInt8>, _ key: Range<Int>) -> Name? {
        let start = UnsafeRawPointer(base + key.lowerBound)
        let first = start.loadUnaligned(as: UInt64.self)
        func head(_ count: Int) -> UInt64 { first & ((1 << UInt64(8 * count)) &- 1) }
        switch key.count {
        case 5:
            if head(5) == 0x65_67_61_6d_69 { return .image }
            if head(5) == 0x70_75_6f_72_67 { return .group }
            return head(5) == 0x65_63_61_6c_70 ? .place : nil
        case 6:
            if head(6) == 0x74_70_6d_6f_72_70 { return .prompt }
            return head(6) == 0x73_65_72_6f_63_73 ? .scores : nil
        case 7: return head(7) == 0x6c_6c_61_72_65_76_6f ? .overall : nil
        case 9:
            return first == 0x6e_65_6d_6e_67_69_6c_61 && base[key.lowerBound + 8] == 0x74 ? .alignment : nil
        case 10:
            return first == 0x69_74_65_68_74_73_65_61 && base[key.lowerBound + 8] == 0x63
                && base[key.lowerBound + 9] == 0x73 ? .aesthetics : nil
        case 12:
            let rest = start.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
            return first == 0x69_62_69_73_75_61_6c_70 && rest == 0x79_74_69_6c ? .plausibility : nil
        default: return nil
        }
    }

    /// A string without escapes; valid UTF-8.
    private mutating func string() -> Range<Int>? {
        guard take(0x22) else { return nil }
        let (start, base, end) = (at, base, end)
        var next = at
        var high: UInt64 = 0
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while next < end {
            // Eight bytes at once: which are a quote, a backslash, or below a space?
            let word = UnsafeRawPointer(base + next).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5c)
            let stops =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word) & tops
            guard stops != 0 else {
                high |= word & tops
                next += 8
                continue
            }
            // The lowest mark is always true: a borrow can only make false ones above it.
            let length = stops.trailingZeroBitCount / 8
            high |= word & tops & ((1 << (length * 8)) &- 1)
            next += length
            guard next < end, base[next] == 0x22 else { return nil }
            if high != 0 {
                let bytes = UnsafeBufferPointer(start: base + start, count: next - start)
                guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
            }
            at = next + 1
            return start..<next
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
        let start = base + at
        let end = base + end
        var next = start
        let negative = next < end && next.pointee == 0x2d
        if negative { next += 1 }
        var mantissa: UInt64 = 0
        var scale = 0
        let whole = next
        Decimals.take(&next, end, &mantissa)
        var figures = next - whole
        guard figures > 0, whole.pointee != 0x30 || figures == 1 else { return nil }
        if next < end, next.pointee == 0x2e {
            next += 1
            let fraction = next
            Decimals.take(&next, end, &mantissa)
            scale = next - fraction
            guard scale > 0 else { return nil }
            figures += scale
        }
        let hasExponent = next < end && next.pointee | 0x20 == 0x65
        // Both parts exact in a double: their quotient is correctly rounded.
        if !hasExponent, figures <= 19, scale <= 22 {
            at = next - base
            let value =
                mantissa <= 1 << 53
                ? Double(mantissa) / Decimals.powers[scale] : Decimals.quotient(mantissa, scale)
            return negative ? -value : value
        }
        if hasExponent {
            next += 1
            if next < end, next.pointee == 0x2b || next.pointee == 0x2d { next += 1 }
            let exponent = next
            while next < end, next.pointee &- 0x30 < 10 { next += 1 }
            guard next > exponent else { return nil }
        }
        at = next - base
        // A line ends with a byte that ends a number.
        let value = strtod(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), nil)
        // The library has its own word for what does not fit.
        return value.isFinite ? value : nil
    }

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

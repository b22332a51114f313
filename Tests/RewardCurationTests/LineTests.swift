import RewardSelection
import Testing

import RewardCuration

@Suite struct LineTests {
    /// The scanner's reading, or nil; behind the line lies what would spoil a number that reads on.
    private func scan(_ text: String) -> CandidateLine? {
        let bytes = Array(text.utf8) + Array("99999999".utf8)
        var ignored = IgnoredKeys()
        return bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var scanner = LineScanner()
            guard scanner.scan(base, text.utf8.count, &ignored), let prompt = scanner.fields.prompt,
                let image = scanner.fields.image
            else { return nil }
            let fields = scanner.fields
            func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
            return CandidateLine(
                prompt: string(prompt), image: string(image), group: fields.group.map(string), scores: fields.scores)
        }
    }

    private func read(_ text: String) throws -> CandidateLine {
        var ignored = IgnoredKeys()
        return try Array(text.utf8).withUnsafeBytes { try LineReader.read($0, &ignored) }
    }

    private func fault(_ text: String) -> String {
        do {
            _ = try read(text)
            return ""
        } catch { return (error as? LineFault)?.text ?? "\(error)" }
    }

    @Test func theUsualLineIsScanned() throws {
        let text =
            #"{"prompt": "a red dog", "image": "a/0.png", "group": "g", "scores": {"overall": 1, "plausibility": 0.25}}"#
        var expected = CandidateLine(prompt: "a red dog", image: "a/0.png", group: "g")
        expected.scores = [0.25, .nan, .nan, 1]
        let library = try read(text)
        #expect(same(scan(text), expected) && same(library, expected))
        #expect(scan(#"{"image":"x","prompt":"ein großer Bär 🐻","group":17}"#)?.prompt == "ein großer Bär 🐻")
        #expect(scan(#"{"image":"x","prompt":"p","group":17}"#)?.group == "17")
    }

    /// Two lines with the same values, NaN equal to NaN.
    private func same(_ one: CandidateLine?, _ other: CandidateLine?) -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        return one.prompt == other.prompt && one.image == other.image && one.group == other.group
            && (0..<4).allSatisfy {
                one.scores[$0].bitPattern == other.scores[$0].bitPattern
                    || (one.scores[$0].isNaN && other.scores[$0].isNaN)
            }
    }

    /// Pieces from which lines are put together, sound and unsound.
    private static let pieces: [String] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\t", "\r", "\"prompt\":", "\"image\":", "\"group\":",
        "\"scores\":", "\"plausibility\":", "\"alignment\":", "\"aesthetics\":", "\"overall\":", "\"a dog\"", "\"é🐻\"",
        "\"a\\n\\u0041\"", "0.5", "1", "0", "-0", "1e-3", "0.12345678901234567", "0.9999999999999999999999", "1.", ".5",
        "01", "+1", "1e", "1e400", "NaN", "null", "true", "\"x\":5", "\"x\":{\"y\":[1]}", "\"images\":",
        "12345678901234567890",
        "{\"plausibility\":0.5}", "\u{1}",
    ]

    @Test func whatTheScannerTakesTheLibraryReadsTheSame() throws {
        var dice = Numbers(7)
        var taken = 0
        for _ in 0..<60_000 {
            var text: String
            if dice.next(2) == 0 {
                // A sound line with some pieces exchanged.
                var parts = [
                    "{", "\"prompt\":", "\"a dog\"", ",", "\"image\":", "\"é🐻\"", ",", "\"scores\":", "{",
                    "\"plausibility\":", "0.5", ",", "\"overall\":", "1", "}", "}",
                ]
                for _ in 0..<dice.next(4) { parts[dice.next(parts.count)] = Self.pieces[dice.next(Self.pieces.count)] }
                text = parts.joined(separator: dice.next(3) == 0 ? " " : "")
            } else {
                text = (0..<dice.next(14)).map { _ in Self.pieces[dice.next(Self.pieces.count)] }.joined()
                text = "{\"prompt\":\"p\",\"image\":\"i\"," + text
            }
            guard let scanned = scan(text) else { continue }
            taken += 1
            let library = try? read(text)
            #expect(same(scanned, library), "\(text)")
        }
        #expect(taken > 5_000)
    }

    @Test func numbersHaveTheBitsTheLibraryGives() throws {
        var dice = Numbers(3)
        for round in 0..<100_000 {
            let digits = 1 + dice.next(19)
            var text = round % 3 == 0 ? "1." : "0."
            for _ in 0..<digits { text += String(dice.next(10)) }
            let line = "{\"prompt\":\"p\",\"image\":\"i\",\"scores\":{\"overall\":\(text)}}"
            let expected = Double(text) ?? .nan
            #expect(scan(line)?.scores[3].bitPattern == expected.bitPattern, "\(text)")
        }
        // Halfway cases and those just beside them.
        for text in [
            "0.50000000000000011102", "0.500000000000000111", "9007199254740993", "0.9007199254740993",
            "4503599627370496.5",
        ] {
            let line = "{\"prompt\":\"p\",\"image\":\"i\",\"scores\":{\"overall\":\(text)}}"
            #expect(scan(line)?.scores[3] == Double(text), "\(text)")
        }
    }

    @Test func faultsAreNamed() {
        #expect(fault("{\"image\":\"x\"}") == "it has no \"prompt\"")
        #expect(fault("{\"prompt\":\"x\"}") == "it has no \"image\"")
        #expect(fault("{\"prompt\":\"x\",\"image\":3}") == "\"image\" has the wrong type")
        #expect(
            fault("{\"prompt\":\"x\",\"image\":\"y\",\"scores\":{\"overall\":NaN}}")
                == "a score is NaN, which is no number")
        #expect(
            fault("{\"prompt\":\"x\",\"image\":\"y\",\"scores\":{\"beauty\":1}}").hasPrefix("\"beauty\" is no score"))
        #expect(fault("[1]") == "not a JSON object")
        #expect(fault("{\"prompt\":") == "not valid JSON")
    }

    @Test func aLineIsWrittenAsItIsRead() throws {
        var line = CandidateLine(
            prompt: "a \"b\"\n\\ é\u{1}", image: "x/y.png", group: "7", scores: [0.1, .nan, 1, 1e-300])
        line.place = ShardPlace(shard: "s.tar", offset: 512, size: 9)
        let back = try read(String(line.json.dropLast()))
        #expect(same(back, line) && back.place == line.place)
    }
}

/// A small generator, so that a failing case can be run again.
struct Numbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state >> 33) % bound
    }
}

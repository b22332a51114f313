import RewardModel
import RewardTestSupport
import Testing

@Suite struct MisalignedWordsTests {
    private static let tokenizer: Tokenizer? = try? Tokenizer(
        modelPath: Fixtures.path("RewardModelTests", "spelling.model"))

    private func align(_ decoded: String, _ prompt: String) throws -> (flags: [Bool], notes: [Note]) {
        let tokenizer = try #require(Self.tokenizer)
        return MisalignedWords.align(
            decoded: decoded, words: try PromptText.parse(prompt).words, tokenizer: tokenizer)
    }

    /// What the decoder would write for the text.
    private func respelled(_ text: String) throws -> String {
        let tokenizer = try #require(Self.tokenizer)
        return tokenizer.decode(tokenizer.encode(text))
    }

    /// The same with nothing left to respell, in pieces.
    private func settled(_ text: String) throws -> [[UInt8]] {
        try (0..<4).reduce(text) { text, _ in try respelled(text) }.utf8.split(separator: 0x20).map(Array.init)
    }

    @Test func suffixedWordsAreMisaligned() throws {
        let repeated = try align("a yellow_0 cat", "a yellow cat")
        #expect(repeated.flags == [false, true, false] && repeated.notes.isEmpty)
        let strayed = try align("yellow_0 dog cat_0 cat", "a yellow cat")
        #expect(strayed.flags == [false, true, true] && strayed.notes == [.wordsRealigned])
    }

    @Test func aTextThatEndsEarlyKeepsTheFlagsItHas() throws {
        for decoded in ["a_0 yellow", "a_0 yellow ca"] {
            let cut = try align(decoded, "a yellow cat")
            #expect(cut.flags == [true, false, false])
            #expect(cut.notes == [.wordsCutShort(predicted: 2, of: 3)], "\(decoded)")
        }
        #expect(try align("", "a yellow cat").notes == [.wordsCutShort(predicted: 0, of: 3)])
    }

    @Test func aPromptsOwnSuffixIsNoFlag() throws {
        #expect(try align("cat_0 dog", "cat_0 dog").flags == [false, false])
        #expect(try align("cat_0_0 dog", "cat_0 dog").flags == [true, false])
        #expect(try align("cat_0 cat_0_0 cat", "cat cat_0 cat_0").flags == [true, true, false])
        // Also where the words are placed by their common subsequence.
        #expect(try align("the cat_0 and dog_0", "cat_0 dog").flags == [false, true])
    }

    @Test func respelledWordsKeepTheirFlags() throws {
        // A ligature, full-width letters, a tab inside a word and one at its end.
        for word in ["\u{fb01}ne", "\u{ff43}\u{ff41}\u{ff54}", "red\that", "cat\t", "\u{2460}"] {
            let prompt = "a \(word) dog"
            for flags in [[false, true, false], [true, false, true], [false, false, false]] {
                let words = try PromptText.parse(prompt).words
                let text = MisalignedWords.text(words: words, flags: flags)
                #expect(try align(try respelled(text), prompt).flags == flags, "\(word)")
                #expect(try align(text, prompt).flags == flags, "\(word), not respelled")
            }
        }
    }

    @Test func combiningMarksHideNeitherSpacesNorSuffixes() throws {
        let prompt = "a \u{308}cat dog\u{301}"
        let words = try PromptText.parse(prompt).words
        #expect(words.count == 3)
        for bits in 0..<8 {
            let flags = (0..<3).map { bits >> $0 & 1 == 1 }
            #expect(try align(MisalignedWords.text(words: words, flags: flags), prompt).flags == flags)
        }
    }

    /// Letters, respelled letters, blanks inside words, marks, unknown characters and suffixes, in any order.
    private struct Prompts {
        private var random: UInt64
        private let parts = [
            "a", "b", "cat", "\u{fb01}", "\u{ff43}", "\u{2460}", "\t", "\u{3000}", "\u{301}", "\u{308}", "\u{1f431}",
            "_0",
            "_", "0", "\u{e9}", "\u{2581}", "\u{200b}", "'", "-",
        ]

        init(seed: UInt64) {
            random = seed
        }

        mutating func below(_ limit: Int) -> Int {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((random >> 33) % UInt64(limit))
        }

        mutating func next() -> String {
            (0..<1 + below(7)).map { _ in (0..<1 + below(4)).map { _ in parts[below(parts.count)] }.joined() }
                .joined(separator: " ")
        }
    }

    /// Every prompt: the flags found write the same text as the flags sent, and are the same where every word leaves
    /// something to see.
    @Test func alignmentGivesBackTheFlagsOfAnyPrompt() throws {
        let tokenizer = try #require(Self.tokenizer)
        var prompts = Prompts(seed: 17)
        var plainlyWritten = 0
        for _ in 0..<4000 {
            let prompt = prompts.next()
            let words = try PromptText.parse(prompt).words
            let flags = words.map { _ in prompts.below(2) == 1 }
            let text = try respelled(MisalignedWords.text(words: words, flags: flags))
            let found = MisalignedWords.align(decoded: text, words: words, tokenizer: tokenizer)
            #expect(found.notes.isEmpty, "\(prompt.debugDescription)")
            #expect(
                try settled(MisalignedWords.text(words: words, flags: found.flags)) == settled(text),
                "\(prompt.debugDescription)")
            // The suffix alone between spaces could be any neighbour's: those words are left to the check above.
            let written = try words.allSatisfy { word in
                try settled(word.text).count == settled(word.text + MisalignedWords.suffix).count
            }
            if written {
                plainlyWritten += 1
                #expect(found.flags == flags, "\(prompt.debugDescription) \(flags)")
            }
        }
        #expect(plainlyWritten > 1000)
    }
}

import RewardModel
import Testing

@Suite struct PromptTests {
    @Test func wordsSplitAtTheMatchersSeparatorsOnlyAndKeepTheirSpans() throws {
        let prompt = "a man's \"red-hot\" 🐱, isn't it?\tyes"
        let text = try PromptText.parse(prompt)
        #expect(text.words.map(\.text) == ["a", "man's", "red-hot", "🐱", "isn't", "it", "\tyes"])
        let scalars = Array(prompt.unicodeScalars)
        for word in text.words {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[word.start..<word.end])
            #expect(String(view) == word.text)
        }
        #expect(text.cleaned == "a man's red-hot 🐱 isn't it \tyes")
        #expect(text.wasCleaned)
        #expect(try !PromptText.parse("a red cat").wasCleaned)
    }

    @Test func unreadablePromptsSayWhy() {
        #expect(throws: PromptError.empty) { try PromptText.parse("") }
        #expect(throws: PromptError.noWords) { try PromptText.parse(" ,.;") }
        #expect(throws: PromptError.tooManyBytes(20_000, limit: 16_384)) {
            try PromptText.parse(String(repeating: "a", count: 20_000))
        }
        #expect(throws: PromptError.tooManyWords(1001, limit: 1000)) {
            try PromptText.parse(Array(repeating: "a", count: 1001).joined(separator: " "))
        }
        #expect(throws: PromptError.notUTF8(offset: 2)) { try PromptText.decodeUTF8([0x61, 0x62, 0xff, 0x63]) }
    }

    @Test func suffixedWordsAreMisaligned() throws {
        let words = try PromptText.parse("a yellow cat").words
        let repeated = MisalignedWords.align(decoded: "a yellow_0 cat", words: words)
        #expect(repeated.flags == [false, true, false] && repeated.notes.isEmpty)
        let cut = MisalignedWords.align(decoded: "a_0 yellow", words: words)
        #expect(cut.flags == [true, false, false])
        #expect(cut.notes == [.wordsCutShort(predicted: 2, of: 3)])
        let strayed = MisalignedWords.align(decoded: "yellow_0 dog cat_0 cat", words: words)
        #expect(strayed.flags == [false, true, true] && strayed.notes == [.wordsRealigned])
        #expect(MisalignedWords.align(decoded: "", words: words).flags == [false, false, false])
    }
}

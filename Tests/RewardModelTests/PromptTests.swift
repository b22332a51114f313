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
}

import RewardModel

/// The paper's filter of prompts worth annotating: 3 to 20 words and no emoji (section 8).
///
/// The paper also leaves out prompts that are not English; this filter does not judge languages.
public enum PromptFilter {
    public static let words = 3...20

    /// Why a prompt is turned away.
    public enum Rejection: String, Sendable, Equatable {
        case noWords = "no_words"
        case tooFewWords = "too_few_words"
        case tooManyWords = "too_many_words"
        case emoji

        var sentence: String {
            switch self {
            case .noWords: "it has no words"
            case .tooFewWords: "it has fewer than \(words.lowerBound) words"
            case .tooManyWords: "it has more than \(words.upperBound) words"
            case .emoji: "it has an emoji"
            }
        }
    }

    /// Nil when the prompt passes.
    public static func rejection(of prompt: String) -> Rejection? {
        guard let count = try? PromptText.parse(prompt).words.count else { return .noWords }
        if count < words.lowerBound { return .tooFewWords }
        if count > words.upperBound { return .tooManyWords }
        return prompt.contains(where: isEmoji) ? .emoji : nil
    }

    /// Emoji by default, or made one by a variation selector or a keycap; plain digits, `#`, `©` and `™` are none.
    private static func isEmoji(_ character: Character) -> Bool {
        let scalars = character.unicodeScalars
        if scalars.contains(where: { $0.properties.isEmojiPresentation }) { return true }
        guard let first = scalars.first, first.properties.isEmoji else { return false }
        return scalars.dropFirst().contains { $0.value == 0xfe0f || $0.value == 0x20e3 }
    }
}

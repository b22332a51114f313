import RewardModel

/// Prompts for views of photographs.
enum CaptionWriter {
    /// A view narrower than this share of the shorter side is called a detail, and so is one that misses a place which
    /// the caption is about.
    static let detailBelow: Float = 0.6

    /// The prompt, and where the picture contradicts it.
    static func write(
        _ photograph: Photograph, _ view: Photograph.View, size: Int, contradict: Bool, _ random: inout WorldRandom
    ) -> (truth: PromptTruth, misaligned: [Float]?) {
        let caption = photograph.caption
        guard view.scale >= detailBelow, photograph.showsAll(view) else {
            let opening = random.pick(["a detail of", "a close view of", "part of a photograph of", "a crop showing"])
            return (
                PromptTruth(prompt: "\(opening) \(caption.short)", contradicted: [], facts: 1, falseFacts: 0), nil
            )
        }
        var words = caption.caption.split(separator: " ").map(String.init)
        var contradicted: [ContradictedWord] = []
        var misaligned: [Float]?
        if contradict, !caption.swaps.isEmpty {
            let count = min(random.pick([1, 1, 2]), caption.swaps.count)
            for swap in random.shuffled(caption.swaps).prefix(count) {
                guard let place = words.firstIndex(where: { bare($0) == swap.word }) else { continue }
                let other = random.pick(swap.instead)
                words[place] = words[place].replacingWord(swap.word, with: other)
                contradicted.append(ContradictedWord(index: place, word: other, category: swap.category))
                if let region = swap.region {
                    let cover = photograph.coverage(region, view, size: size)
                    misaligned = misaligned.map { zip($0, cover).map(max) } ?? cover
                }
            }
        }
        contradicted.sort { $0.index < $1.index }
        let prompt = fixArticles(words).joined(separator: " ")
        return (
            PromptTruth(
                prompt: prompt, contradicted: contradicted, facts: max(caption.swaps.count, 1),
                falseFacts: contradicted.count), misaligned
        )
    }

    static func bare(_ word: String) -> String {
        String(word.filter { !",.!?;:\"".contains($0) })
    }

    /// "a orange cat" becomes "an orange cat".
    private static func fixArticles(_ words: [String]) -> [String] {
        var words = words
        for index in words.indices.dropLast() where words[index] == "a" || words[index] == "an" {
            words[index] = "aeiou".contains(words[index + 1].prefix(1)) ? "an" : "a"
        }
        return words
    }
}

extension String {
    /// The text with its first occurrence of `word` replaced.
    fileprivate func replacingWord(_ word: String, with other: String) -> String {
        guard let range = ranges(of: word).first else { return self }
        var copy = self
        copy.replaceSubrange(range, with: other)
        return copy
    }
}

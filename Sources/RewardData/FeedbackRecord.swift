public import RewardImage
public import RewardModel

/// Consolidated human feedback on one image: what a RichHF-18K record holds, and two optional keys of ours.
public struct FeedbackRecord: Sendable, Equatable {
    /// A path whose stem names the image (`…/b8f5.png` means `b8f5`).
    public var filename: String
    /// The prompt. RichHF-18K's own files leave it to Pick-a-Pic; ours carry it as the extra feature `prompt`.
    public var prompt: String?
    /// Records that show one picture in several states (a clean copy and damaged ones, all of one size) share a name
    /// here, so that training may cut the same crop from each. Ours alone, as the extra feature `group`.
    public var group: String?
    /// All in [0, 1], higher is better (`artifact_score` is plausibility, `misalignment_score` is alignment).
    public var scores: Scores
    /// Values in [0, 1]: the share of annotators who marked the pixel. Nil when the record has none.
    public var implausibility: Heatmap?
    public var misalignment: Heatmap?
    /// One flag per word of the prompt as `PromptText` splits it, true for misaligned (the file's label `0`).
    public var misaligned: [Bool]

    public init(
        filename: String, prompt: String? = nil, group: String? = nil, scores: Scores, implausibility: Heatmap? = nil,
        misalignment: Heatmap? = nil, misaligned: [Bool] = []
    ) {
        self.filename = filename
        self.prompt = prompt
        self.group = group
        self.scores = scores
        self.implausibility = implausibility
        self.misalignment = misalignment
        self.misaligned = misaligned
    }

    /// The part of `filename` that names the image: what follows the last `/`, up to the first dot.
    public var stem: String { imageStem(filename) }

    /// The same of any path.
    public static func stem(of path: String) -> String { imageStem(path) }
}

/// What follows a path's last `/`, up to the first dot: the name of an image in RichHF-18K.
func imageStem(_ path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    return String(name.prefix { $0 != "." })
}

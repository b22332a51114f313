import RewardSelection

/// A candidate in 96 bytes: what selection needs, and where the rest is in the list.
package struct CandidateRecord: BitwiseCopyable, Sendable {
    var group: (UInt64, UInt64)
    var prompt: UInt64
    var image: UInt64
    private var lineLow: UInt32
    private var lineHigh: UInt8
    var state: State
    /// The line's first byte.
    var offset: Int
    var scores: (Double, Double, Double, Double)
    /// The formula's value; NaN while there is none.
    var value: Double

    struct State: BitwiseCopyable, Equatable {
        /// 0, or one more than a drop reason's place.
        var drop: UInt8 = 0
        /// The model's, or the list's own.
        var isModelScored = false
        /// Its image was decoded, now or when its score was stored.
        var isImageChecked = false
    }

    init(
        group: StableHash, prompt: StableHash, image: StableHash, line: Int, offset: Int, scores: ScoreVector,
        value: Double
    ) {
        self.group = (group.first, group.second)
        self.prompt = prompt.first
        self.image = image.first
        (lineLow, lineHigh) = (0, 0)
        self.offset = offset
        self.scores = (scores[0], scores[1], scores[2], scores[3])
        self.value = value
        state = State()
        self.line = line
    }

    /// The line's number, from 1; forty bits, beside the state.
    var line: Int {
        get { Int(lineHigh) << 32 | Int(lineLow) }
        set {
            lineLow = UInt32(truncatingIfNeeded: newValue)
            lineHigh = UInt8(newValue >> 32)
        }
    }

    var scoreVector: ScoreVector {
        get { [scores.0, scores.1, scores.2, scores.3] }
        set { scores = (newValue[0], newValue[1], newValue[2], newValue[3]) }
    }

    var drop: DropReason? {
        get { state.drop == 0 ? nil : DropReason.allCases[Int(state.drop) - 1] }
        set { state.drop = newValue.map { UInt8($0.place + 1) } ?? 0 }
    }

    /// The part it is dealt to: all of a group go to one.
    var part: Int { Int(group.0 >> 56) }
}

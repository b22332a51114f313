package import RewardSelection

/// What to select from, how, and where to put it.
package struct SelectionOptions: Sendable {
    package var candidates: [String]
    /// Nil only for a dry run.
    package var out: String?
    package var rule = SelectionRule()
    package var formats: Set<OutputFormat> = [.imagefolder]
    package var link = ImageLink.copy
    package var check = ImageCheck.decode
    /// Seed of the random control; nil for none.
    package var randomControl: UInt64?
    /// The score store. The default is the output's path with `.scores.sqlite` behind it.
    package var store: String?
    package var isDryRun = false
    package var writesReport = false
    /// Most prompts the report shows. The default is 12.
    package var reportPrompts = 12
    package var writesRejects = false
    package var threads = 1

    package init(candidates: [String], out: String?) {
        self.candidates = candidates
        self.out = out
    }
}

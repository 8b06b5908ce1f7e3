# Rscript make_reference.R: survival estimates of survival_data.csv by R's survival package.
library(survival)
data <- read.csv("survival_data.csv")
rows <- data.frame(arm = character(), quantity = character(), day = numeric(), value = numeric())
add <- function(arm, quantity, day, value)
  rows <<- rbind(rows, data.frame(arm = arm, quantity = quantity, day = day, value = as.numeric(value)))
days <- c(0, 50, 91, 182.5, 250, 300, 365)
for (arm in unique(data$arm)) {
  own <- data[data$arm == arm, ]
  fit <- survfit(Surv(time, event) ~ 1, data = own, conf.type = "log-log")
  at <- summary(fit, times = days, extend = TRUE)
  add(arm, "share", days, at$surv); add(arm, "low", days, at$lower); add(arm, "high", days, at$upper)
  add(arm, "at_risk", days, at$n.risk)
  middle <- quantile(fit, 0.5)
  add(arm, "median", NA, middle$quantile); add(arm, "median_low", NA, middle$lower)
  add(arm, "median_high", NA, middle$upper)
  for (until in c(182.5, 365)) {
    table <- summary(fit, rmean = until)$table
    add(arm, "rmst", until, table["rmean"]); add(arm, "rmst_error", until, table["se(rmean)"])
  }
}
test <- survdiff(Surv(time, event) ~ arm, data = data)
add("both", "log_rank_chi_squared", NA, test$chisq)
add("both", "log_rank_p", NA, pchisq(test$chisq, 1, lower.tail = FALSE))
rows$value <- signif(rows$value, 12)
write.csv(rows, "survival_r.csv", row.names = FALSE, quote = FALSE)
cat("survival", as.character(packageVersion("survival")), R.version.string, "\n")
